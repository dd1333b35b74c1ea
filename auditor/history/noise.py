"""
What changes all the time: places, documents and whole tables that differ in a good share of the last runs.

What changes by itself makes a commit at each run, and hides what people do. Each finding comes with the rule for the
configuration that would silence it; whether it is noise is for a person to say. Not here: how it is shown.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from auditor.changes.records import Op
from auditor.history.index import Index

RUNS = 100
SHARE = 0.2
FEWEST = 3
"""In fewer runs than this nothing is called noise: two edits of one variable in a quiet week are no pattern."""

_ELEMENT = re.compile(r"\[.*\]|\d+")


@dataclass(frozen=True)
class Noisy:
    """
    One finding: ``name`` is a document's or empty, ``path`` a pattern as the maps have them, or empty for the whole.
    """

    type: str
    runs: int
    name: str = ""
    id: str = ""
    path: str = ""
    rule: str = ""


@dataclass(frozen=True)
class Noise:
    """
    What was found in how many runs that committed something, the noisiest first.
    """

    runs: int
    tables: tuple[Noisy, ...] = ()
    paths: tuple[Noisy, ...] = ()
    documents: tuple[Noisy, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """
        Return the object that ``--json`` prints.
        """
        return {
            "runs": self.runs,
            "tables": [{"table": i.type, "runs": i.runs, "rule": i.rule} for i in self.tables],
            "paths": [{"type": i.type, "path": i.path, "runs": i.runs, "rule": i.rule} for i in self.paths],
            "documents": [
                {"type": i.type, "id": i.id, "name": i.name, "path": i.path, "runs": i.runs, "rule": i.rule}
                for i in self.documents
            ],
        }


def noise(index: Index, *, runs: int = RUNS, share: float = SHARE) -> Noise:
    """
    Return what changed in more than *share* of the last *runs* runs that committed something.

    The first commit is no change, and commits too large to have records in the index count for their documents alone.
    """
    run_of = _last_runs(index, runs)
    count = len(set(run_of.values()))
    if not count:
        return Noise(0)
    least, first = max(FEWEST, int(share * count) + 1), min(run_of)
    came = defaultdict[str, set[str]](set)
    paths = defaultdict[tuple[str, str], set[str]](set)
    of_document = defaultdict[int, dict[str, set[str]]](lambda: defaultdict(set))
    for seq, doc, type_, path, op in index.db.execute(
        "SELECT r.seq, r.doc, d.type, r.path, r.op FROM records r JOIN documents d ON d.doc = r.doc WHERE r.seq >= ?",
        (first,),
    ):
        if seq not in run_of:
            continue
        if path:
            place = pattern_of(path)
            paths[type_, place].add(run_of[seq])
            of_document[doc][place].add(run_of[seq])
        elif op in (Op.ADDED.value, Op.REMOVED.value):
            came[type_].add(run_of[seq])
    changed = defaultdict[int, set[str]](set)
    for seq, doc in index.db.execute("SELECT seq, doc FROM versions WHERE seq >= ?", (first,)):
        if seq in run_of:
            changed[doc].add(run_of[seq])
    return Noise(
        count,
        _sorted(Noisy(type_, len(some), rule=table_rule(type_)) for type_, some in came.items() if len(some) >= least),
        _sorted(
            Noisy(type_, len(some), path=path, rule=path_rule(type_, path))
            for (type_, path), some in paths.items()
            if len(some) >= least
        ),
        _sorted(
            _of_document(index, doc, len(some), of_document[doc]) for doc, some in changed.items() if len(some) >= least
        ),
    )


def _of_document(index: Index, doc: int, runs: int, paths: dict[str, set[str]]) -> Noisy:
    type_, identity, name = index.db.execute("SELECT type, id, name FROM documents WHERE doc = ?", (doc,)).fetchone()
    if not paths:
        return Noisy(type_, runs, name, identity, rule=table_rule(type_))
    worst = max(sorted(paths), key=lambda path: len(paths[path]))
    return Noisy(type_, runs, name, identity, worst, path_rule(type_, worst))


def _last_runs(index: Index, most: int) -> dict[int, str]:
    """
    Return the run of each commit of the last runs, by the commit's number; a commit of no run is one of its own.
    """
    found: dict[int, str] = {}
    seen: set[str] = set()
    for seq, commit, run in index.db.execute("SELECT seq, id, run FROM commits WHERE seq > 1 ORDER BY seq DESC"):
        name = run.partition(" ")[0] or commit
        seen.add(name)
        if len(seen) > most:
            break
        found[seq] = name
    return found


def _sorted(some: Iterable[Noisy]) -> tuple[Noisy, ...]:
    return tuple(sorted(some, key=lambda item: (-item.runs, item.type, item.path, item.id)))


def pattern_of(path: str) -> str:
    """
    Return a record's path as the pattern of all places like it: ``Steps/[s-1]/Name`` as ``Steps/*/Name``.
    """
    return "/".join("*" if _ELEMENT.fullmatch(part) else part for part in path.split("/"))


def table_rule(table: str) -> str:
    """
    Return the line for ``[servers.NAME.export]`` that leaves a table out.
    """
    return f"exclude_tables = [{json.dumps(table)}]"


def path_rule(type_: str, path: str) -> str:
    """
    Return the line for ``[servers.NAME.export]`` that leaves a place out.
    """
    return f"volatile = [{{type = {json.dumps(type_)}, path = {json.dumps(path)}}}]"
