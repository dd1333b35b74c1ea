"""
What a partial export says of itself: in the head of its tree, in its warnings, and why each document is in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from migrator.maps import REGISTRY
from migrator.report import ReportedWarning
from migrator.selection.check import NOWHERE, Dangling
from migrator.selection.request import Named, Selection
from migrator.selection.values import Key, LeftOut, Taken
from migrator.sql.server_facts import ServerFacts


@dataclass(frozen=True)
class Selected:
    """
    What was read: the server's facts, the documents taken with what brought them in, what was left out on purpose.

    ``clashes`` are names (type, lower case) that several documents of one owner and space bear but for case.
    """

    facts: ServerFacts
    projects: tuple[Named, ...]
    taken: Mapping[Key, Taken]
    left_out: Mapping[Key, LeftOut]
    cut: tuple[tuple[Key, str, tuple[str, ...]], ...]
    dangling: tuple[Dangling, ...]
    without_phases: tuple[Key, ...]
    clashes: frozenset[tuple[str, str]]

    def head(self, selection: Selection) -> dict[str, Any]:
        """
        Return what the head of the tree says: what was asked for, and what a target has to find for itself.
        """
        facts: dict[str, Any] = {"Projects": sorted(item.name for item in self.projects)}
        if selection.groups:
            facts["ProjectGroups"] = sorted(selection.groups)
        if selection.ignored:
            facts["Ignored"] = sorted(selection.ignored)
        # So that an import does not wait for what nobody ever had.
        if nowhere := {text for item in self.dangling if item.reason == NOWHERE for text in item.ids}:
            facts["LedNowhere"] = sorted(nowhere)
        return facts | {"LeftOut": self.left_out_by_type()}

    def left_out_by_type(self) -> dict[str, dict[str, Any]]:
        """
        Return what a target has to find for itself, by type and id: the properties it is found by, ``None`` if unread.
        """
        found: dict[str, dict[str, Any]] = {}
        for (type_, _), item in sorted(self.left_out.items()):
            found.setdefault(type_, {})[item.id] = dict(item.key) if item.key is not None else None
        return found

    def tasks(self) -> frozenset[str]:
        """
        Return the ids of the tasks that were taken, in lower case.
        """
        return frozenset(identity for type_, identity in self.taken if REGISTRY[type_].task_logs)

    def warnings(self) -> tuple[ReportedWarning, ...]:
        """
        Return what was cut or left out on purpose, place by place.
        """
        empty = [
            ReportedWarning(
                self.taken[key].id,
                "Phases",
                "the lifecycle has no phases, so it goes through all environments; targets were taken only from those "
                "that the projects name or were deployed to (--all-environments takes all)",
            )
            for key in self.without_phases
        ]
        cut = [
            ReportedWarning(
                self.taken[key].id, path, f"connections to projects outside this export were cut: {', '.join(ids)}"
            )
            for key, path, ids in self.cut
        ]
        left = [
            ReportedWarning(item.document, item.path, f"{', '.join(item.ids)} is not in this export: {item.reason}")
            for item in self.dangling
        ]
        return (*empty, *cut, *left)

    def chains(self) -> tuple[str, ...]:
        """
        Return a line for each document: what brought it in, back to a project that was asked for.
        """
        ordered = sorted(self.taken.values(), key=lambda one: (REGISTRY.order(one.type), one.name, one.id))
        return tuple(self._chain(item) for item in ordered)

    def _chain(self, item: Taken) -> str:
        steps, current = [_called(item)], item
        while current.via.before is not None:
            before = self.taken[current.via.before]
            steps.append(f"<- {_called(before)} ({current.via.place})")
            current = before
        return " ".join(steps) if len(steps) > 1 else f"{steps[0]} <- asked for"


def _called(item: Taken) -> str:
    named = f" {item.name}" if item.name != item.id else ""
    return f"{REGISTRY[item.type].words}{named} [{item.id}]"
