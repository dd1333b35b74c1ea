"""
Doing what a plan decided: ids reserved, rows written, edges rewritten. Nothing is decided, merged or compared here.

Everything is written in the transaction the plan was made in; committing is the importer's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from migrator.plan.values import Decision, Outcome, Plan
from migrator.secrets.ciphers import MasterKeyCipher
from migrator.secrets.sealing import seal_for_database
from migrator.sql.writer import Writer, Written

# Only a batch's finished rows are in memory, their secrets among them; the rest of the plan stays spooled.
BATCH = 200


def reserve_ids(plan: Plan, writer: Writer) -> Mapping[int, str]:
    """
    Reserve an id for each new document, a block for each table; return them by the numbers in their marks.
    """
    reserved: dict[int, str] = {}
    # By type and number, so that the same plan gives the same documents the same ids.
    wanted = sorted(plan.new.items(), key=lambda item: (item[1].type, item[0]))
    for _, group in groupby(wanted, key=lambda item: item[1].type):
        some = list(group)
        document_map = some[0][1]
        ids = writer.reserve(document_map.type, document_map.id_prefix, len(some))
        reserved |= {number: identity for (number, _), identity in zip(some, ids, strict=True)}
    return reserved


def write(plan: Plan, reserved: Mapping[int, str], writer: Writer, master: MasterKeyCipher) -> int:
    """
    Write every row that the plan has, and return how many.
    """
    count = 0
    wanted = [item for item in plan.decisions if item.final is not None]
    # Not sorted: the plan's order puts a document before those that refer to it.
    for type_, group in groupby(wanted, key=lambda item: item.document.map.type):
        some = list(group)
        for start in range(0, len(some), BATCH):
            count += _write_batch(plan, reserved, writer, (type_, some[start : start + BATCH]), master)
    return count


def _write_batch(
    plan: Plan,
    reserved: Mapping[int, str],
    writer: Writer,
    batch: tuple[str, Sequence[Decision]],
    master: MasterKeyCipher,
) -> int:
    type_, decisions = batch
    created: list[Written] = []
    changed: list[str] = []
    edges: dict[str, Sequence[tuple[str, str]]] = {}
    for decision in decisions:
        # Sealed no earlier: each sealing takes a fresh IV, so that sealed texts could not be compared any more.
        final = plan.final(decision, reserved.__getitem__, lambda secret: str(seal_for_database(secret, master)))
        row = Written(str(final.body.get("Id", "")), final.body, decision.blob)
        if decision.outcome is Outcome.CREATE:
            created.append(row)
        else:
            writer.update(type_, row)
            changed.append(row.id)
        if final.edges is not None:
            edges[row.id] = final.edges
    writer.insert(type_, created)
    writer.relate(type_, edges, changed)
    return len(decisions)
