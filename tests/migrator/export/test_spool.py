"""
The spool: what went in comes out, whatever its shape.
"""

from __future__ import annotations

from pathlib import Path

from migrator.export.spool import Spool
from migrator.maps import REGISTRY
from migrator.sql.rows import Table


def test_a_table_of_very_many_short_rows(tmp_path: Path) -> None:
    """
    Short rows make many pieces before they make many bytes, more than the system takes in one call.
    """
    document_map = REGISTRY.find("DeploymentRelatedMachine")
    assert document_map is not None
    table = Table(document_map.table, ("Id", "DeploymentId", "MachineId"), document_map, {})
    with Spool(tmp_path) as spool:
        spooled = spool.begin(table)
        for batch in range(620):
            spool.add([(batch * 128 + row, f"Deployments-{batch}", f"Machines-{row}") for row in range(128)])
        spool.finish()
        assert spooled.count == 620 * 128
