"""
What is told about a run: its states, and one bounded message for all channels.

What changed is told in the words of the commit: by names, and with values only where somebody allowed it. Of a warning
the place is named, not the text, which may hold a value. Pure. Not here: to whom it goes and how.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from auditor.logs import redact_text
from auditor.result import AuditResult
from migrator.report import ReportedWarning
from migrator.wording import counted

MAX_TITLE = 150
MAX_TEXT = 3000
MAX_LINE = 300
MAX_TYPES = 25
MAX_NAMES = 10
MAX_CHANGES = 40
_INDENT = 12


@dataclass(frozen=True)
class Message:
    """
    A run in words: ``title`` is one line, ``text`` is the body, ``payload`` is the same for programs.
    """

    title: str
    text: str
    payload: Mapping[str, Any]


def states_of(result: AuditResult, previous_outcome: str | None) -> set[str]:
    """
    Return what a run is worth telling as; *previous_outcome* is that of the server's run before, if known;
    "failed" if that run was told as failed.

    A run whose commits did not reach the remote counts as failed, whatever else it did. A skipped run is nothing,
    save for a window that is stuck.
    """
    states = set()
    if result.outcome == "failed" or (result.pushed is False and result.commits_ahead > 0):
        states.add("failed")
    if result.outcome in ("changed", "unchanged"):
        states.add(result.outcome)
        if previous_outcome == "failed" and "failed" not in states:
            states.add("recovered")
    if result.window_stuck:
        states.add("window-stuck")
    if result.tampered:
        states.add("tampered")
    return states


def link_of(template: str | None, result: AuditResult) -> str | None:
    """
    Return the template with the run's last commit, server and id; ``None`` where it wants a commit and there is none.
    """
    if template is None or ("{commit}" in template and not result.commits):
        return None
    commit = result.commits[-1] if result.commits else ""
    return template.format(
        commit=quote(commit, safe=""), server=quote(result.server, safe=""), run_id=quote(result.run_id, safe="")
    )


def message(
    result: AuditResult, link: str | None = None, states: Collection[str] = (), *, values: bool = False
) -> Message:
    """
    Return the one message of a run; *link* is the finished address, *states* come first in the title.

    With *values* the changes are told with what is no secret.
    """
    title = _cut(_line(f"{result.server}: {_headline(result, states)}"), MAX_TITLE)
    lines = [title, *_problems(result), *_changes(result, values), *_history(result), *_warnings(result)]
    lines += _findings(result)
    text = _bounded([_cut(_indented(line), MAX_LINE) for line in lines], link)
    return Message(title, text, _payload(result, link, states) | {"title": title, "text": text})


def _headline(result: AuditResult, states: Collection[str]) -> str:
    special = [state for state in ("window-stuck", "tampered", "failed", "recovered") if state in states]
    parts = [*special, *([] if result.outcome in special else [result.outcome])]
    totals = [f"{count} {outcome}" for outcome, count in _totals(result).items() if count]
    return ", ".join(parts) + (f" - {', '.join(totals)}" if totals else "")


def _problems(result: AuditResult) -> list[str]:
    lines = []
    if result.window_stuck:
        lines.append("The server could not be taken out of maintenance mode. Switch it off by hand, now.")
    # Branches and ids of commits, no names of documents.
    lines += [f"Not done by the auditor: {sentence}." for sentence in result.tampered]
    if result.error:
        lines.append(redact_text(result.error))
    if result.pushed is False and result.commits_ahead:
        since = f", the oldest of {result.oldest_unpushed}" if result.oldest_unpushed else ""
        lines.append(f"Not pushed: the remote lacks {counted(result.commits_ahead, 'commit')}{since}.")
    return lines


def _changes(result: AuditResult, values: bool) -> list[str]:
    told = result.valued if values and result.valued else result.told
    if not told:
        return _by_type(result)
    rest = len(told) - MAX_CHANGES
    return [*told[:MAX_CHANGES], *([f"and {counted(rest, 'more line')}"] if rest > 0 else [])]


def _by_type(result: AuditResult) -> list[str]:
    changed = [(kind, counts) for kind, counts in sorted(result.changes.items()) if any(counts.values())]
    lines = [f"{kind}: {_counts(counts)}" for kind, counts in changed[:MAX_TYPES]]
    rest = changed[MAX_TYPES:]
    if rest:
        documents = sum(sum(counts.values()) for _, counts in rest)
        lines.append(f"and {counted(len(rest), 'more type')} with {counted(documents, 'document')}")
    return lines


def _history(result: AuditResult) -> list[str]:
    if not result.commits:
        return []
    shown = ", ".join(commit[:10] for commit in result.commits[-MAX_NAMES:])
    more = len(result.commits) - MAX_NAMES
    lines = [f"Commits: {shown}{f' and {more} before' if more > 0 else ''}"]
    return [f"Subject: {result.subject}", *lines] if result.subject and not result.told else lines


def _warnings(result: AuditResult) -> list[str]:
    if not result.warnings:
        return []
    places = _places(result.warnings)
    lines = [f"Warnings: {len(places)}, see the log of run {result.run_id}", *places[:MAX_NAMES]]
    return [*lines, f"- and {len(places) - MAX_NAMES} more"] if len(places) > MAX_NAMES else lines


def _findings(result: AuditResult) -> list[str]:
    lines = []
    for found, head in ((result.findings, "Secrets in clear"), (result.resolved, "No longer found in clear")):
        if places := _places(found):
            lines += [f"{head}: {len(places)}", *places[:MAX_NAMES]]
            lines += [f"- and {len(places) - MAX_NAMES} more"] if len(places) > MAX_NAMES else []
    return lines


def _places(found: Sequence[ReportedWarning]) -> list[str]:
    return [f"- {' at '.join(filter(None, (item.document, item.path)))}" for item in found]


def _payload(result: AuditResult, link: str | None, states: Collection[str]) -> dict[str, Any]:
    changed = sorted(item for item in result.changes.items() if any(item[1].values()))
    return {
        "version": 1,
        "states": sorted(states),
        "run_id": result.run_id,
        "server": result.server,
        "started": result.started,
        "outcome": result.outcome,
        "seconds": result.seconds,
        "window_seconds": result.window_seconds,
        "window_stuck": result.window_stuck,
        "documents": result.documents,
        "files": {
            "added": result.files.added,
            "modified": result.files.modified,
            "deleted": result.files.deleted,
            "unchanged": result.files.unchanged,
        },
        "subject": _cut(_line(result.subject), MAX_LINE),
        "told": [_cut(_line(line), MAX_LINE) for line in result.told[:MAX_CHANGES]],
        "told_left_out": max(0, len(result.told) - MAX_CHANGES),
        "totals": _totals(result),
        "changes": {kind: dict(counts) for kind, counts in changed[:MAX_TYPES]},
        "types_left_out": max(0, len(changed) - MAX_TYPES),
        "commits": list(result.commits[-MAX_NAMES:]),
        "commits_total": len(result.commits),
        "pushed": result.pushed,
        "commits_ahead": result.commits_ahead,
        "warnings": len(result.warnings),
        "tampered": list(result.tampered[:MAX_NAMES]),
        "findings": len(result.findings),
        "resolved": len(result.resolved),
        "error": _cut(_line(redact_text(result.error)), MAX_LINE) if result.error else None,
        "link": link,
    }


def _totals(result: AuditResult) -> dict[str, int]:
    totals = {"added": 0, "changed": 0, "removed": 0}
    for counts in result.changes.values():
        for outcome, count in counts.items():
            totals[outcome] = totals.get(outcome, 0) + count
    return totals


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)


def _line(text: str) -> str:
    # Names come from the database, and neither mail nor chat is to obey what is in them.
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _indented(text: str) -> str:
    blanks = len(text) - len(text.lstrip(" "))
    return " " * min(blanks, _INDENT) + _line(text)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _bounded(lines: list[str], link: str | None) -> str:
    # The link is worth more than any line, so it is counted first and never cut.
    tail = [link] if link else []
    # 40 for the line that counts what was left out.
    room = MAX_TEXT - sum(len(line) + 1 for line in tail) - 40
    kept: list[str] = []
    for number, line in enumerate(lines):
        room -= len(line) + 1
        if room < 0:
            kept.append(f"… and {len(lines) - number} more lines")
            break
        kept.append(line)
    return "\n".join([*kept, *tail])
