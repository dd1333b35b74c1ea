"""
What a commit says: a subject of what changed by name, and the change records in plain text. Pure.

A first export, and a commit of very many files, say how many documents of each type there are; what each of those
is like is told by `auditor show`. Not here: how a change is put into words (``blocks``, ``lines``, ``render``).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from auditor.changes.blocks import Block
from auditor.changes.outcomes import Change, Outcome
from auditor.changes.render import Look, as_text
from migrator.maps import REGISTRY
from migrator.wording import counted, escaped

SUBJECT = 72
"""What a subject keeps to where the first thing it names leaves room; git and forges cut longer ones."""
LONGEST_SUBJECT = 120
LINES = 300
"""How many lines of records a body has at most; `auditor show` has the rest."""
LONGEST_LINE = 200
# A first export has tens of thousands, and a log of commits is read by people.
_NAMES_SHOWN = 40
_MORE = len("; 999 more")


@dataclass(frozen=True)
class Said:
    """
    A commit in words: its first line, its body without trailers, and what changed, a line for each document.

    What is ``bare`` has no values: names of documents and of their parts may go where values may not. ``valued`` has
    those that are no secret.
    """

    subject: str
    body: str
    bare_subject: str = ""
    bare: tuple[str, ...] = ()
    valued: tuple[str, ...] = ()

    def after(self, event: str) -> Said:
        """
        Return the same with what happened before all of it at the head of its subjects.
        """
        line, bare = (f"{event}; {text}"[:LONGEST_SUBJECT] for text in (self.subject, self.bare_subject))
        return replace(self, subject=line, bare_subject=bare)


def said(blocks: Sequence[Block], changes: Sequence[Change], note: str = "") -> Said:
    """
    Return what a commit says of *blocks*; of *changes* where there is nothing to be told of any document.

    *note* is what else the commit did, as writing files in another form.
    """
    if not blocks:
        line = note or subject_of_counts(changes)
        return Said(line, "" if note else body_of_counts(changes), line, (line,), (line,))
    line = subject(_together([(block.summary, block.several) for block in blocks]))
    body = as_text(blocks, Look(most=LINES, longest=LONGEST_LINE))
    bare = [block.bare or block.head for block in blocks]
    words = Said(
        line,
        body,
        subject(_together([(text, block.several) for text, block in zip(bare, blocks, strict=True)])),
        tuple(bare),
        tuple(body.splitlines()),
    )
    return words.after(note) if note else words


def _together(phrases: Sequence[tuple[str, str]]) -> list[str]:
    """
    Return the phrases, those that came or went alike as one: three targets take the room of one.
    """
    counts = Counter(several for _, several in phrases)
    told: dict[str, None] = {}
    for text, several in phrases:
        told[f"{counts[several]} {several}" if several and counts[several] > 1 else text] = None
    return list(told)


def counted_only(changes: Sequence[Change], note: str = "", *, first: bool = False) -> Said:
    """
    Return what a commit says whose documents are counted by type and named, without what changed in them.
    """
    line = subject_of_counts(changes, first=first)
    phrases = tuple(_phrases(changes))
    words = Said(line, body_of_counts(changes), line, phrases, phrases)
    return words.after(note) if note else words


def message(said: Said, facts: Sequence[tuple[str, str]]) -> str:
    """
    Return the whole message of a commit; the facts are its last paragraph, whatever its length.
    """
    trailers = "\n".join(f"{name}: {escaped(value)}" for name, value in facts)
    return "\n\n".join(filter(None, (said.subject, said.body.strip("\n"), trailers))) + "\n"


def subject(phrases: Sequence[str], *, more: bool = True) -> str:
    """
    Return one line that names what changed, in at most 72 characters if the first phrase leaves room; never over 120.

    What does not fit is left out, and counted unless *more* says that it need not be.
    """
    # A name may hold a line end, which would be the subject's end, or what a terminal obeys.
    line, *rest = (escaped(" ".join(phrase.split())) for phrase in phrases)
    left = 0
    for phrase in rest:
        longer = f"{line}; {phrase}"
        if len(longer) + (_MORE if left or phrase is not rest[-1] else 0) > SUBJECT:
            left += 1
        else:
            line = longer
    end = f"; {left} more" if left and more else ""
    room = LONGEST_SUBJECT - len(end)
    return (line if len(line) <= room else f"{line[: room - 3]}...") + end


def subject_of_counts(changes: Sequence[Change], *, first: bool = False) -> str:
    """
    Return one line that counts what changed by type, and names what is alone of its type.
    """
    phrases = _phrases(changes)
    if first:
        return subject([f"First export of {counted(len(changes), 'document')}", *phrases[:2]], more=False)
    return subject(phrases) if phrases else "Files changed, no document did"


def _phrases(changes: Iterable[Change]) -> list[str]:
    groups: defaultdict[tuple[str, Outcome], list[str]] = defaultdict(list)
    for change in changes:
        groups[change.type, change.outcome].append(change.name)
    ranked = sorted(groups.items(), key=lambda item: (-REGISTRY[item[0][0]].prominence, item[0][0], item[0][1].value))
    return [_phrase(kind, names, outcome) for (kind, outcome), names in ranked]


def _phrase(kind: str, names: list[str], outcome: Outcome) -> str:
    of_owner = REGISTRY[kind].of_owner
    if of_owner:
        shown = ", ".join(sorted(names)) if len(names) <= 2 else f"{len(names)} projects or sets"
        return f"{of_owner.format(shown)} {outcome.value}"
    words = REGISTRY[kind].called(len(names))
    if len(names) == 1:
        return f"{words[:1].upper()}{words[1:]} {names[0]} {outcome.value}"
    return f"{len(names)} {words} {outcome.value}"


def body_of_counts(changes: Iterable[Change]) -> str:
    """
    Return the documents by type and outcome.
    """
    groups: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for change in changes:
        # On one line, or a name with line ends in it could write trailers of its own.
        groups[change.type, change.outcome.value].append(escaped(" ".join(change.name.split())) or "(no name)")
    lines: list[str] = []
    for (kind, outcome), names in sorted(groups.items()):
        lines.append(f"{kind} {outcome}: {len(names)}")
        lines += [f"  {name}" for name in sorted(names)[:_NAMES_SHOWN]]
        if len(names) > _NAMES_SHOWN:
            lines.append(f"  and {len(names) - _NAMES_SHOWN} more")
    return "\n".join(lines)
