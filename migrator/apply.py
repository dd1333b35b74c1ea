"""
Doing what a plan decided: ids reserved, rows written, edges rewritten, the audit event; nothing is decided here.

Everything is written in the transaction the plan was made in; committing is the importer's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from migrator.documents.document import Body
from migrator.documents.references import Controls, is_impossible, is_tag_id, slots
from migrator.documents.stored import Stored
from migrator.maps import REGISTRY
from migrator.maps.document_map import DocumentMap, Meaning
from migrator.plan.context import Context
from migrator.plan.history import INDEXES
from migrator.plan.merge import counted
from migrator.plan.plan import Plan, marks
from migrator.plan.values import WRITTEN, Decision, Outcome
from migrator.secrets.ciphers import MasterKeyCipher
from migrator.secrets.sealing import seal_for_database
from migrator.sql.target import Target
from migrator.sql.writer import Writer, Written

BATCH = 200
_RELATED = frozenset(("VariableSet", "DeploymentProcess", "RunbookProcess", "TenantVariable"))


def reserve_ids(plan: Plan, writer: Writer) -> None:
    """
    Reserve an id for each new document, a block for each table.
    """
    wanted = sorted(marks(plan).items(), key=lambda item: (item[1].type, item[0]))
    reserved: dict[int, str] = {}
    for _, group in groupby(wanted, key=lambda item: item[1].type):
        some = list(group)
        document_map = some[0][1]
        ids = writer.reserve(document_map.type, document_map.id_prefix, len(some))
        reserved |= {number: identity for (number, _), identity in zip(some, ids, strict=True)}
    plan.context.reserved = reserved


def write(plan: Plan, target: Target, writer: Writer, master: MasterKeyCipher) -> int:
    """
    Write every document that is to be written, and return how many.
    """
    count = 0
    wanted = [item for item in plan.decisions if item.outcome in WRITTEN]
    for type_, group in groupby(wanted, key=lambda item: item.document.map.type):
        some = list(group)
        for start in range(0, len(some), BATCH):
            count += _write_batch(plan, target, writer, (type_, some[start : start + BATCH]), master)
    return count


def _write_batch(
    plan: Plan, target: Target, writer: Writer, batch: tuple[str, Sequence[Decision]], master: MasterKeyCipher
) -> int:
    type_, decisions = batch
    changed = [item.target_id for item in decisions if item.outcome is not Outcome.CREATE]
    there = target.documents(type_, changed)
    fresh: list[Written] = []
    edges: dict[str, list[tuple[str, str]]] = {}
    for decision in decisions:
        stored = there.get(decision.target_id.lower()) if decision.outcome is not Outcome.CREATE else None
        body = _body(plan, decision, stored, edges)
        if type_ in INDEXES:
            # Their rows are numbered by the database, or have no id at all.
            body.pop("Id", None)
        row = Written(str(body.get("Id", "")), seal_for_database(body, master), stored.blob if stored else False)
        if stored is None:
            fresh.append(row)
        else:
            writer.update(type_, row)
    writer.insert(type_, fresh)
    writer.relate(type_, edges, [stored.id for stored in there.values()])
    return len(decisions)


def _body(plan: Plan, decision: Decision, stored: Stored | None, edges: dict[str, list[tuple[str, str]]]) -> Body:
    document_map = decision.document.map
    body = plan.final_body(decision, stored)
    if stored is not None:
        body = counted(document_map, body, stored.body)
    if document_map.type in _RELATED:
        ids = list(_mentioned(plan.context, document_map, body))
        edges[str(body["Id"])] = [(identity, kind) for identity, kind in ids if kind]
        if document_map.type != "TenantVariable":
            body["RelatedDocumentIds"] = list(dict.fromkeys(identity for identity, _ in ids))
    return body


def _mentioned(context: Context, document_map: DocumentMap, body: Body) -> Iterator[tuple[str, str]]:
    """
    Yield the related ids of a document with their tables; scope values that are no documents have none.
    """
    if document_map.type == "TenantVariable":
        related = body.get("RelatedDocumentId")
        if isinstance(related, str) and related:
            yield related, _table_of(related, ("Account", "Certificate", "WorkerPool", "Feed", "Project", "Team"))
        return
    if document_map.type == "VariableSet":
        yield from _scope_values(body)
        return
    seen: set[str] = set()
    for slot in slots(document_map, body, Controls()):
        if slot.reference.meaning is Meaning.OWNER:
            continue
        for identity in slot.ids:
            if identity not in seen and not is_tag_id(identity) and not is_impossible(identity):
                seen.add(identity)
                yield identity, _table_of(identity, slot.reference.targets)


def _scope_values(body: Body) -> Iterator[tuple[str, str]]:
    kinds = {
        "Environment": ("DeploymentEnvironment",),
        "Machine": ("Machine",),
        "Channel": ("Channel",),
        "Tenant": ("Tenant",),
        "ProcessOwner": ("Project", "Runbook"),
        "Project": ("Project",),
        "User": ("User",),
    }
    seen: set[str] = set()
    for variable in body.get("Variables") or []:
        for kind, values in (variable.get("Scope") or {}).items():
            for value in values:
                if value not in seen:
                    seen.add(value)
                    yield value, _table_of(value, kinds[kind]) if kind in kinds else ""


def _table_of(identity: str, types: Sequence[str]) -> str:
    low = identity.lower()
    for type_ in types:
        found = REGISTRY.find(type_)
        if found and low.startswith(found.id_prefix.lower()):
            return found.table
    return types[0] if REGISTRY.find(types[0]) else ""
