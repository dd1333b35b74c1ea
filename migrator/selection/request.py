"""
What a partial export is asked for: projects by name, what to leave out; and which projects that is on a server.

Names are matched as the server's collation does. What the projects need is found in ``selection.closure``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from migrator.errors import UsageError
from migrator.maps import REGISTRY
from migrator.maps.document_map import Role
from migrator.maps.natural_keys import fold
from migrator.sql.reader import Reader
from migrator.sql.rows import SPACE_COLUMN, Table
from migrator.wording import counted, did_you_mean, plain

_NEAR = 3
PROJECT = REGISTRY.of(Role.PROJECT).type
"""What is chosen; everything else comes because of it."""


@dataclass(frozen=True)
class Selection:
    """
    What to export: the union of ``projects`` and of all projects of ``groups``, by name, within ``spaces`` if given.

    ``ignored`` are types that are not even read. ``versions`` chooses among releases (empty: all). With
    ``all_environments`` a lifecycle without phases brings all environments and the targets in them.
    """

    projects: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    spaces: tuple[str, ...] = ()
    ignored: frozenset[str] = frozenset()
    history: bool = True
    versions: str = ""
    all_environments: bool = False

    def check(self) -> None:
        """
        Say what is wrong with it, before anything is read.

        Raises:
            UsageError: nothing is chosen.
        """
        if not self.projects and not self.groups:
            raise UsageError("name what to export: --project NAME or --projectGroup NAME, each as often as needed")
        for name in (*self.projects, *self.groups, *self.spaces):
            if not name.strip():
                raise UsageError("a name of a project, a group or a space is blank; leave it out or give the name")


@dataclass(frozen=True)
class Named:
    """
    A document by id and name, with its space's id and, for a project, its group's.
    """

    id: str
    name: str
    space: str | None = None
    group: str | None = None


@dataclass(frozen=True)
class Choices:
    """
    All projects, groups and spaces of a server, by their heads alone.
    """

    projects: tuple[Named, ...] = ()
    groups: tuple[Named, ...] = ()
    spaces: tuple[Named, ...] = field(default=())


def read_choices(reader: Reader) -> Choices:
    """
    Read the heads of all projects, groups and spaces; no bodies.
    """
    return Choices(_heads(reader, Role.PROJECT), _heads(reader, Role.PROJECT_GROUP), _heads(reader, Role.SPACE))


def _heads(reader: Reader, role: Role) -> tuple[Named, ...]:
    table = reader.schema.find(REGISTRY.of(role).type)
    if table is None:
        return ()
    narrowed = narrow(table, ("Id", "Name", SPACE_COLUMN, "ProjectGroupId"))
    at = [narrowed.position(name) for name in ("Id", "Name", SPACE_COLUMN, "ProjectGroupId")]

    def named(row: Sequence[Any]) -> Named:
        values = [None if position is None else row[position] for position in at]
        return Named(str(values[0]), str(values[1] or ""), values[2], values[3])

    return tuple(named(row) for batch in reader.batches(narrowed) for row in batch)


def narrow(table: Table, names: Iterable[str]) -> Table:
    """
    Return a table with only those of *names* that it has: reading it reads no bodies.
    """
    at = [position for name in dict.fromkeys(names) if (position := table.position(name)) is not None]
    # With what all columns are declared as: an id that is a number is asked for as one.
    columns = tuple(table.columns[position] for position in at)
    joined = tuple(item for item in table.joined if item.property in columns)
    return replace(table, columns=columns, joined=joined)


def chosen_projects(choices: Choices, selection: Selection) -> tuple[Named, ...]:
    """
    Return the projects that *selection* names, each once, in the order of the server.

    Raises:
        UsageError: a name that no project, group or space has (with the nearest), or that several have.
    """
    inside = chosen_spaces(choices, selection)
    projects = [item for item in choices.projects if inside is None or fold(item.space) in inside]
    groups = [item for item in choices.groups if inside is None or fold(item.space) in inside]
    spaces = {item.id.lower(): item.name for item in choices.spaces}
    wanted = {_one(Role.PROJECT, name, projects, spaces).id for name in selection.projects}
    ids = {_one(Role.PROJECT_GROUP, name, groups, spaces).id.lower() for name in selection.groups}
    found = tuple(item for item in projects if item.id in wanted or (item.group or "").lower() in ids)
    if not found:
        raise UsageError(f"no project stands in {', '.join(selection.groups)}, so there is nothing to export")
    return found


def chosen_spaces(choices: Choices, selection: Selection) -> frozenset[str] | None:
    """
    Return the folded ids of the chosen spaces, ``None`` where all are meant.

    Raises:
        UsageError: a name that no space has, or the server has no spaces.
    """
    if not selection.spaces:
        return None
    if not choices.spaces:
        raise UsageError("this server has no spaces; leave --space out")
    return frozenset(fold(_one(Role.SPACE, name, choices.spaces, {}).id) for name in selection.spaces)


def _one(role: Role, name: str, known: Sequence[Named], spaces: Mapping[str, str]) -> Named:
    kind = REGISTRY.of(role).words
    found = [item for item in known if fold(item.name) == fold(name)]
    if len(found) > 1:
        # A collation that minds case may hold several; then the very spelling decides.
        exact = [item for item in found if item.name == name]
        found = exact if len(exact) == 1 else found
    if not found:
        raise UsageError(f"there is no {kind} {name}; {_hint(name, known)}")
    if len(found) > 1:
        places = [spaces.get((item.space or "").lower(), item.id) for item in found]
        raise UsageError(
            f"{counted(len(found), kind)} are called {name} ({', '.join(places)}); "
            + ("choose one with --space NAME" if spaces else "rename one of them")
        )
    return found[0]


def _hint(name: str, known: Sequence[Named]) -> str:
    names = sorted({item.name for item in known})
    others = f"there are {', '.join(names[:_NEAR])} and others" if names else "there are none at all"
    return did_you_mean(name, names, others, before="", limit=_NEAR)


def type_names(words: Iterable[str]) -> frozenset[str]:
    """
    Return the types that people's words for them mean: ``Tenant``, ``tenants``, ``MachinePolicys``, ``step templates``.

    Raises:
        UsageError: no type is called so.
    """
    known: dict[str, str] = {}
    for item in REGISTRY.maps:
        for word in (item.type, item.words, item.plural, item.folder, f"{item.type}s"):
            known.setdefault(plain(word), item.type)
    found = set()
    for word in words:
        if plain(word) not in known:
            raise UsageError(f"there is no type of document called {word}{did_you_mean(word, known, meaning=known)}")
        found.add(known[plain(word)])
    return frozenset(found)
