"""
Documents as people name them, as of a commit: by id, by path, by words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from auditor.history.index import Index
from migrator.errors import UsageError
from migrator.maps import REGISTRY
from migrator.wording import did_you_mean


@dataclass(frozen=True)
class Document:
    """
    One document as of a moment: where its file is, what people call it.
    """

    doc: int
    type: str
    id: str
    name: str
    owner: str
    space: str
    path: str
    blob: str
    label: str


def type_called(word: str) -> str:
    """
    Return the type that a word means: its name, its title, or its plural.

    Raises:
        UsageError: there is none, with the nearest words.
    """
    known: dict[str, str] = {}
    for item in REGISTRY.maps:
        for name in (item.table, item.reading.title, item.plural, item.reading.area, item.words):
            if name:
                known.setdefault(name.casefold(), item.table)
    found = known.get(word.casefold()) or known.get(word.casefold().removesuffix("s"))
    if found is None:
        raise UsageError(f"there is no type {word}{did_you_mean(word, known)}")
    return found


def documents(index: Index, text: str, seq: int) -> list[Document]:
    """
    Return the documents that *text* means after the commit of that number: an id, a path, a name, "Web Shop variables".

    Raises:
        UsageError: there is none, with the nearest names.
    """
    # What was copied from an answer, as "Web Shop / variables", leads back to it.
    wanted = " ".join(text.replace(" / ", " ").split())
    for find in (_by_id, _by_path, _by_words):
        # A path is taken as it stands, with all its blanks.
        found = [item for item in find(index, wanted if find is not _by_path else text, seq) if item.path]
        if found:
            return found
    names = [row[0] for row in index.db.execute("SELECT DISTINCT name FROM documents WHERE NOT gone")]
    raise UsageError(f"there is no document {text} at that time{did_you_mean(wanted, names, limit=3)}")


def one_document(index: Index, text: str, seq: int) -> Document:
    """
    Return the one document that *text* means.

    Raises:
        UsageError: there is none, or there are several, which are named.
    """
    found = documents(index, text, seq)
    if len(found) > 1:
        names = ", ".join(f"{item.label} ({item.id})" for item in found[:5])
        raise UsageError(f"{text} may be {names}{' and more' if len(found) > 5 else ''}; name one by its id")
    return found[0]


_DOCUMENT = (
    "SELECT d.doc, d.type, d.id, v.name, v.owner, v.space, v.path, v.blob FROM documents d JOIN versions v "
    "ON v.doc = d.doc AND v.seq = (SELECT MAX(w.seq) FROM versions w WHERE w.doc = d.doc AND w.seq <= ?) WHERE "
)


def _documents(index: Index, seq: int, where: str, *values: Any) -> list[Document]:
    names = index.names(seq)
    return [
        Document(*(*row, label(row[1], row[3], names.name(row[4]) if row[4] else None)))
        for row in index.db.execute(f"{_DOCUMENT}{where}", (seq, *values))
    ]


def all_documents(index: Index, seq: int, type_: str | None = None) -> list[Document]:
    """
    Return every document of a state, or those of one type, by label.
    """
    where, values = ("d.type = ? AND v.path <> ''", (type_,)) if type_ else ("v.path <> ''", ())
    return sorted(_documents(index, seq, where, *values), key=lambda item: (item.label.casefold(), item.id))


def document_of(index: Index, doc: int, seq: int) -> Document | None:
    """
    Return one document by its number in the index, ``None`` if it did not exist then.
    """
    return next(iter(_documents(index, seq, "d.doc = ?", doc)), None)


def _by_id(index: Index, text: str, seq: int) -> list[Document]:
    return _documents(index, seq, "d.id = ?", text)


def _by_path(index: Index, text: str, seq: int) -> list[Document]:
    return _documents(index, seq, "v.path IN (?, ?)", text, f"{text}.json") if "/" in text else []


def _by_words(index: Index, text: str, seq: int) -> list[Document]:
    folded = text.casefold()
    found = _documents(index, seq, "v.name = ? COLLATE NOCASE", text)
    if found:
        return _without_parts(found)
    for item in REGISTRY.maps:
        title, area = item.reading.title.casefold(), item.reading.area.casefold()
        if title and folded.startswith(f"{title} "):
            found += _documents(
                index, seq, "d.type = ? AND v.name = ? COLLATE NOCASE", item.table, text[len(title) + 1 :]
            )
        if area and item.owner and folded.endswith(f" {area}"):
            owner = text[: -len(area) - 1]
            # First as it stands: a project may be called Project.
            for name in dict.fromkeys((owner, *_without_title(owner))):
                more = _documents(
                    index,
                    seq,
                    "d.type = ? AND v.owner IN (SELECT n.id FROM names n WHERE n.name = ? COLLATE NOCASE AND n.seq = "
                    "(SELECT MAX(m.seq) FROM names m WHERE m.id = n.id AND m.seq <= ?))",
                    item.table,
                    name,
                    seq,
                )
                found += more
                if more:
                    break
    return list({item.doc: item for item in found}.values())


def _without_title(owner: str) -> list[str]:
    """
    Return what is left of ``Project Web Shop`` without the owner's title.
    """
    titles = (f"{item.reading.title} ".casefold() for item in REGISTRY.maps if item.reading.title)
    return [owner[len(title) :] for title in titles if owner.casefold().startswith(title)]


def _without_parts(found: list[Document]) -> list[Document]:
    whole = [item for item in found if not REGISTRY[item.type].owner]
    return whole or found


def label(type_: str, name: str, owner: str | None) -> str:
    """
    Return what people call a document: ``Project Web Shop / variables``, ``Target web-07``.
    """
    document_map = REGISTRY[type_]
    title = document_map.reading.title or document_map.words.capitalize()
    if document_map.owner and owner:
        return f"{owner} / {document_map.reading.area or f'{title} {name}'}"
    return f"{title} {name}"
