"""
Makes embedded databases of any size for the benchmarks, and changes a part of one.

``python -m bench.generate COUNT PATH [--change FRACTION --seed N]``. The key is ``MASTER_KEY`` below: test data only.
Shapes are those of the sample content; half of the bodies are smaller than 2 KB, one in a thousand has 100 KB, a tenth
holds secrets. No sample content and no measuring here.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

from auditor.demo.builder import key_file, when
from auditor.demo.rows import columns_of, insert, row_of
from auditor.demo.schema import create_database
from bench.documents import ENVIRONMENTS, Maker, Row, documents

MASTER_KEY = bytes(range(16))
"""The master key of generated databases; no secret."""


_CHUNK = 2000
_CHANGED = ["VariableSet", "DeploymentProcess", "Machine", "Tenant", "TenantVariable"]
_CHANGED += ["Project", "Account", "LibraryVariableSet", "ActionTemplate", "Channel"]


def generate(path: Path, count: int, master_key: bytes = MASTER_KEY, seed: int = 1) -> None:
    """
    Make a new database at *path* with *count* configuration documents (a few fixed ones come on top).

    Raises:
        FileExistsError: there is a file at *path* already.
    """
    create_database(path)
    make = Maker(seed, master_key)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = MEMORY")
        with connection:
            _fixed(connection, make)
            rows = documents(make, count)
            stamp = 10_000
            while chunk := list(islice(rows, _CHUNK)):
                stamp = _write(connection, chunk, stamp)
            connection.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'rowversion'", (stamp,))
            _allocate(connection)


def change(path: Path, fraction: float = 0.01, master_key: bytes = MASTER_KEY, seed: int = 2) -> int:
    """
    Change that part of the documents in place, some in a secret only; return how many.
    """
    make = Maker(seed, master_key)
    changed = 0
    with closing(sqlite3.connect(path)) as connection, connection:
        for table in _CHANGED:
            ids = [row[0] for row in connection.execute(f'SELECT Id FROM "{table}" ORDER BY rowid')]
            for id_ in make.rng.sample(ids, round(len(ids) * fraction)):
                (text,) = connection.execute(f'SELECT JSON FROM "{table}" WHERE Id = ?', (id_,)).fetchone()
                body = json.loads(text)
                _touch(make, table, body)
                connection.execute(f'UPDATE "{table}" SET JSON = ? WHERE Id = ?', (_json(body), id_))
                changed += 1
    return changed


def _touch(make: Maker, table: str, body: dict[str, Any]) -> None:
    if table == "VariableSet" and body["Variables"]:
        variable = make.rng.choice(body["Variables"])
        secret = variable["Type"] == "Sensitive"
        variable["Value"] = make.secret() if secret else make.words(6)
    elif table == "DeploymentProcess":
        properties = body["Steps"][0]["Actions"][0]["Properties"]
        properties["Octopus.Action.Script.ScriptBody"] += f"\r\n# {make.words(5)}"
    elif table == "TenantVariable":
        secret = isinstance(body["Value"], dict)
        body["Value"] = {"SensitiveValue": make.secret()} if secret else make.words(8)
    else:
        body["Description"] = make.words(9)


def _fixed(connection: sqlite3.Connection, make: Maker) -> None:
    for order, id_ in enumerate(ENVIRONMENTS):
        insert(connection, "DeploymentEnvironment", {"Id": id_, "Name": f"Stage {order}", "SortOrder": order})
    for number in range(1, 21):
        insert(connection, "ProjectGroup", {"Id": f"ProjectGroups-{number}", "Name": f"Group {number}"})
    insert(connection, "Lifecycle", {"Id": "Lifecycles-1", "Name": "Default Lifecycle", "Phases": []})
    insert(
        connection, "MachinePolicy", {"Id": "MachinePolicies-1", "Name": "Default Machine Policy", "IsDefault": True}
    )
    certificate = {"Id": "certificate-global", "CertificateData": make.cipher.seal(key_file("portal"))}
    insert(connection, "Configuration", certificate)
    history = {"Id": "OctopusServerInstallationHistory-1", "Node": "OCTO01", "Version": "2018.8.12"}
    insert(connection, "OctopusServerInstallationHistory", history | {"Installed": when(0)})
    connection.execute("INSERT INTO SchemaVersions (ScriptName, Applied) VALUES ('Script0001.sql', ?)", (when(0),))


def _write(connection: sqlite3.Connection, chunk: Sequence[Row], stamp: int) -> int:
    by_table: dict[str, list[dict[str, Any]]] = {}
    for table, document in chunk:
        by_table.setdefault(table, []).append(document)
    for table, mine in by_table.items():
        names = columns_of(connection, table)
        rows = [row_of(names, document) for document in mine]
        for row in rows:
            stamp += 1
            if "DataVersion" in names:
                row["DataVersion"] = stamp.to_bytes(8, "big")
        columns = ", ".join(f'"{name}"' for name in rows[0])
        marks = ", ".join("?" for _ in rows[0])
        values = [tuple(row.values()) for row in rows]
        connection.executemany(f'INSERT INTO "{table}" ({columns}) VALUES ({marks})', values)
    return stamp


def _allocate(connection: sqlite3.Connection) -> None:
    for table in ("Project", "Machine", "Tenant", "TenantVariable", "LibraryVariableSet", "ActionTemplate", "Channel"):
        (count,) = connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()
        block = -(-count // 20) * 20
        connection.execute("INSERT OR REPLACE INTO KeyAllocation VALUES (?, ?)", (table, block))


def _json(body: dict[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def main(arguments: Sequence[str] | None = None) -> None:
    """
    Make the database, or change a part of one that is there.
    """
    parser = argparse.ArgumentParser(prog="python -m bench.generate", description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("path", type=Path)
    parser.add_argument("--change", type=float, help="change this fraction of the documents of an existing database")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    begun = time.perf_counter()
    if options.change is not None:
        done = f"{change(options.path, options.change, seed=options.seed)} documents changed"
    else:
        generate(options.path, options.count, seed=options.seed)
        done = f"{options.count} documents, {options.path.stat().st_size // 2**20} MiB"
    print(f"{done} in {time.perf_counter() - begun:.1f} s")


if __name__ == "__main__":
    main()
