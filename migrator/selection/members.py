"""
What belongs to the chosen projects though they do not name it: tenants, their values, deployment targets, workers.

Only ids and columns of references are read to find them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from migrator.documents.document import Body, places
from migrator.maps import REGISTRY
from migrator.maps.document_map import Column, DocumentMap, Role
from migrator.maps.natural_keys import fold
from migrator.selection.closure import Closure
from migrator.selection.request import PROJECT, narrow
from migrator.selection.values import Key, Loaded, Via
from migrator.sql.rows import SPACE_COLUMN, Table, from_column

_MAPS = REGISTRY.maps
_WITH_BOTH = tuple((item, both) for item in _MAPS if (both := item.membership.with_both))
_HOLDERS = frozenset(type_ for item, (holder, _) in _WITH_BOTH for type_ in item.targets_at(holder))
"""Types whose documents have others that come when both these and their owner are taken: tenants have values."""
_WORKERS = tuple((item, column) for item in _MAPS if (column := item.membership.works_in))
_POOLS = {type_: item.type for item, column in _WORKERS for type_ in item.targets_at(f"{column}/*")}
"""Types whose documents bring what works in them, with the type of that."""
_MACHINES = tuple((item, columns) for item in _MAPS if (columns := item.membership.by_role))
_ENVIRONMENTS = tuple({t: None for item in _MAPS for path in item.membership.phases for t in item.targets_at(path)})


@dataclass
class Members:
    """
    Watches what is taken and adds what belongs to it.
    """

    closure: Closure
    all_environments: bool = False
    """Whether a lifecycle without phases brings all environments and their targets."""
    gone_to: list[str] = field(default_factory=list)
    """Environments that exported deployments went to, and that steps are limited to."""
    lifecycles: dict[Key, list[str]] = field(default_factory=dict)
    """Environments of each lifecycle's phases."""
    used: set[str] = field(default_factory=set)
    """Lower-case ids of the lifecycles that the chosen projects and their channels use."""
    roles: dict[Any, tuple[Key, str]] = field(default_factory=dict)
    spaces: set[Any] = field(default_factory=set)
    pools: dict[str, Key] = field(default_factory=dict)
    _values: dict[tuple[str, str], list[tuple[str, Key]]] = field(default_factory=dict)
    """Values (of tenants) by their type and their owner's lower-case id, until that is taken."""
    _heads: dict[str, list[tuple[str, Any, Any]]] = field(default_factory=dict)
    _fresh: dict[Key, str] = field(default_factory=dict)
    """Documents (tenants) whose values were not looked for yet, with their ids."""
    _asked: dict[str, Any] = field(default_factory=dict)
    """For how many roles and which environments machines of a type were looked for last."""

    def __post_init__(self) -> None:
        self.closure.listeners.append(self.see)

    def see(self, item: Loaded) -> None:
        """
        Learn from a document that was taken.
        """
        kind, body, rules = item.table.map.type, item.body, item.table.map.membership
        if rules.lifecycle and isinstance(body.get(rules.lifecycle), str):
            self.used.add(body[rules.lifecycle].lower())
        if rules.phases:
            self.lifecycles[item.key] = list(_texts(body, rules.phases))
        if item.table.map.role is Role.PROJECT:
            self.spaces.add(fold(body.get(SPACE_COLUMN)))
        for role in _roles(body, rules.roles):
            self.roles.setdefault(fold(role), (item.key, role))
        self.gone_to.extend(_texts(body, rules.goes_to))
        if kind in _POOLS:
            before = self.closure.taken[item.key].via.before
            if before is None or before[0] != _POOLS[kind]:
                # A pool that only a worker named does not bring its other workers.
                self.pools[item.key[1]] = item.key
        if kind in _HOLDERS:
            self._fresh[item.key] = item.id

    def connected(self) -> None:
        """
        Take what is connected to the chosen projects: tenants.
        """
        for item in _MAPS:
            table = self._table(item.type) if item.membership.connections else None
            if table is None:
                continue
            for identity, ids, _ in self._all(table, item.membership.connections[0]):
                for project in ids:
                    if project.lower() in self.closure.roots:
                        via = Via((PROJECT, project.lower()), f"connected {item.words}")
                        self.closure.want(item.type, [identity], via)

    def add(self) -> None:
        """
        Take what belongs to what was taken so far; run the closure and call it again until nothing comes.
        """
        fresh, self._fresh = self._fresh, {}
        for item, both in _WITH_BOTH:
            self._add_values(item, both, fresh)
        self._add_environments()
        for item, columns in _MACHINES:
            self._add_machines(item.type, *columns)
        for item, column in _WORKERS:
            self._add_workers(item.type, column)

    def _add_values(self, item: DocumentMap, both: tuple[str, str], fresh: Mapping[Key, str]) -> None:
        table = self._table(item.type)
        holder, owned = both
        mine = {key[1]: key for key in fresh if key[0] in item.targets_at(holder)}
        if table is not None and mine:
            narrowed = narrow(table, ("Id", *both))
            at = narrowed.position(holder) or 0
            for row in self.closure.reader.by_key(
                narrowed, narrowed.columns[at], [fresh[key] for key in mine.values()]
            ):
                owner = str(row[narrowed.position(owned) or 0] or "").lower()
                value = str(row[narrowed.id_position]), mine[str(row[at]).lower()]
                self._values.setdefault((item.type, owner), []).append(value)
        types = item.targets_at(owned)
        for place in [one for one in self._values if one[0] == item.type]:
            if any(self.closure.has(type_, place[1]) for type_ in types):
                for identity, key in self._values.pop(place):
                    self.closure.want(item.type, [identity], Via(key, "its value"))

    def _add_environments(self) -> None:
        # A lifecycle without phases goes through all environments, by convention.
        empty = self.without_phases()
        if not empty or not self.all_environments:
            return
        for type_ in _ENVIRONMENTS:
            table = self._table(type_)
            for identity, _, space in self._all(table, None) if table is not None else ():
                if space is None or space in self.spaces:
                    self.closure.want(type_, [identity], Via(empty[0], "it has no phases, so all environments"))

    def without_phases(self) -> list[Key]:
        """
        Return the lifecycles in use that have no phases, and so go through all environments.
        """
        return sorted(key for key, phases in self.lifecycles.items() if key[1] in self.used and not phases)

    def _environments(self) -> frozenset[str] | None:
        """
        Return the environments that the chosen projects go to, ``None`` for all.
        """
        if self.all_environments and self.without_phases():
            return None
        known = [phases for key, phases in self.lifecycles.items() if key[1] in self.used]
        return frozenset(item.lower() for phases in (*known, self.gone_to) for item in phases)

    def _add_machines(self, type_: str, of_environments: str, of_roles: str) -> None:
        table = self._table(type_)
        if table is None or not self.roles:
            return
        wanted = self._environments()
        # Roles only ever grow, so that their number tells whether there are new ones.
        if self._asked.get(type_) == (len(self.roles), wanted):
            return
        self._asked[type_] = (len(self.roles), wanted)
        for identity, environments, space in self._all(table, of_environments, of_roles):
            where, roles = environments
            # The same role in another space is other machines' role.
            if space is not None and space not in self.spaces:
                continue
            role = next((fold(role) for role in roles if fold(role) in self.roles), None)
            if role is None or not (wanted is None or any(one.lower() in wanted for one in where)):
                continue
            key, spelled = self.roles[role]
            self.closure.want(type_, [identity], Via(key, f"role {spelled}"))

    def _add_workers(self, type_: str, column: str) -> None:
        table = self._table(type_)
        if table is None or not self.pools:
            return
        for identity, pools, _ in self._all(table, column):
            for pool in pools:
                if pool.lower() in self.pools:
                    self.closure.want(type_, [identity], Via(self.pools[pool.lower()], "its worker"))

    def _table(self, type_: str) -> Table | None:
        return None if self.closure.is_ignored(type_) else self.closure.reader.schema.find(type_)

    def _all(self, table: Table, *columns: str | None) -> Iterator[tuple[str, Any, Any]]:
        """
        Yield id, list columns (one list, or a pair) and folded space of every row; read once.
        """
        if table.name not in self._heads:
            self._heads[table.name] = list(self._read_heads(table, columns))
        yield from self._heads[table.name]

    def _read_heads(self, table: Table, columns: Sequence[str | None]) -> Iterator[tuple[str, Any, Any]]:
        narrowed = narrow(table, ("Id", *(name for name in columns if name), SPACE_COLUMN))
        at = [narrowed.position(name) for name in columns]
        space, own = narrowed.position(SPACE_COLUMN), narrowed.id_position
        known: dict[Any, list[str]] = {}
        for batch in self.closure.reader.batches(narrowed):
            for row in batch:
                # Thousands of rows have the same few lists, so each is taken apart and kept once.
                lists = [
                    known.setdefault(text, _listed(text)) for text in (row[p] if p is not None else "" for p in at)
                ]
                value: Any = lists[0] if len(lists) == 1 else tuple(lists)
                yield str(row[own]), value, fold(row[space]) if space is not None else None


def _listed(text: Any) -> list[str]:
    value = from_column(text, Column.IDS)
    return [str(item) for item in value] if isinstance(value, list) else []


def _texts(body: Body, patterns: Iterable[str]) -> Iterator[str]:
    for pattern in patterns:
        for place in places(body, pattern):
            if isinstance(place.value, str):
                yield place.value


def _roles(body: Body, patterns: Iterable[str]) -> Iterator[str]:
    for text in _texts(body, patterns):
        yield from (role.strip() for role in text.split(",") if role.strip() and "#{" not in role)
