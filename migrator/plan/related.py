"""
Which documents a row is related to, as the server derives it at each save: its edges, and the column that lists them.

Pure. Not here: what a document mentions in general, which is ``documents.references``.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence

from migrator.documents.document import Body, places
from migrator.documents.references import Controls, is_impossible, is_tag_id, slots
from migrator.maps import REGISTRY
from migrator.maps.document_map import DocumentMap, Meaning
from migrator.maps.projects import SCOPE_TARGETS
from migrator.plan.values import Final

COLUMN = "RelatedDocumentIds"


def with_edges(
    document_map: DocumentMap,
    body: Body,
    spelled: Callable[[str], str],
    edged: Callable[[], Container[str]] = frozenset,
) -> Final:
    """
    Return the row of a document; *spelled* gives an id the form it will have, also where it is not reserved yet.

    It has edges where the map says that the server keeps them for its type, and where it does so: *edged* are the
    tables (lower case) that the target has edges of. An edge that nobody keeps would never go away again.
    """
    kept = COLUMN in document_map.columns or document_map.typed_by is not None or document_map.edged
    if not kept and document_map.table.lower() not in edged():
        return Final(body)
    related: dict[str, str] = {}
    for identity, targets in _related(document_map, body, spelled):
        related.setdefault(identity, _table(spelled(identity), targets))
    if COLUMN in document_map.columns:
        body = body | {COLUMN: list(related)}
    return Final(body, tuple((identity, table) for identity, table in related.items() if table))


def _related(
    document_map: DocumentMap, body: Body, spelled: Callable[[str], str]
) -> Iterator[tuple[str, Sequence[str]]]:
    """
    Yield each related id with the types it may be of; scope values that are no ids have none.
    """
    if document_map.typed_by is not None:
        identity = body.get(document_map.typed_by.related)
        if isinstance(identity, str) and identity:
            yield identity, document_map.targets_at(document_map.typed_by.related)
    elif document_map.variables:
        for place in places(body, f"{document_map.variables}/Scope/*/*"):
            if isinstance(place.value, str):
                yield place.value, SCOPE_TARGETS.get(place.path[-2], ())
    else:
        for slot in slots(document_map, body, Controls()):
            if slot.reference.meaning is not Meaning.OWNER:
                # Tags have no table to be related to, and what was made impossible no row.
                ids = [text for text in slot.ids if not is_tag_id(spelled(text)) and not is_impossible(text)]
                yield from ((identity, slot.reference.targets) for identity in ids)


def _table(identity: str, types: Sequence[str]) -> str:
    known = [found for type_ in types if (found := REGISTRY.find(type_))]
    # A place may lead to several types, and the form of the id tells which.
    named = [found for found in known if identity.lower().startswith(found.id_prefix.lower())]
    return next((found.table for found in (*named, *known)), "")
