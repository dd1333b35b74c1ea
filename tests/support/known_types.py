"""
The page docs/types.md: what the document map knows of each type, and what of it is a guess.

`make pages` writes it. Not here: the facts themselves, which are in ``migrator/maps``.
"""

from __future__ import annotations

from pathlib import Path

from migrator.maps import REGISTRY
from migrator.maps.document_map import DocumentMap, Kind

PAGE = Path(__file__).parents[2] / "docs" / "types.md"
_HEAD = """\
# What is known of each type

Made by `make pages` of [migrator/maps](../migrator/maps), where each of these facts is a line that is easy to
change. References are places that hold ids of other documents; secrets are places that are sealed; the order of a list
that is a set means nothing; what is volatile changes by itself and is left out. Any other text that has the form of the
server's ciphertext is sealed, too, wherever it stands, and a table without a row here is exported as it is.

*Inferred* is what was seen in the server's interface alone, or follows from a habit of naming. Who has a server of that
version can look it up: `table` and `columns` in `INFORMATION_SCHEMA.COLUMNS`, `prefix` in the ids, `key` in how two
documents of one name are told apart, and places in a document.

| Type | Folder | References | Secrets | Sets | Volatile | Inferred |
| --- | --- | ---: | ---: | ---: | ---: | --- |
"""


def page() -> str:
    """
    Return the page.
    """
    return _HEAD + "".join(map(_row, sorted(REGISTRY.maps, key=lambda item: (item.kind is Kind.HISTORY, item.table))))


def _row(item: DocumentMap) -> str:
    inferred = ", ".join(f"`{word}`" for word in item.inferred)
    references, secrets = len(item.references) + len(item.inner), len(item.sensitive) + len(item.confidential)
    numbers = f"{references} | {secrets} | {len(item.sets)} | {len(item.volatile)}"
    folder = "its owner's" if item.file.startswith("{dir}") else item.folder
    return f"| {item.table} | {folder} | {numbers} | {inferred} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
