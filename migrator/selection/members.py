"""
What belongs to the chosen projects though they do not name it: tenants, their values, deployment targets, workers.

Only ids and columns of references are read to find them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from migrator.documents.document import Body, places
from migrator.maps.document_map import Column
from migrator.maps.natural_keys import fold
from migrator.selection.closure import Closure
from migrator.selection.request import narrow
from migrator.selection.values import Key, Loaded, Via
from migrator.sql.rows import SPACE_COLUMN, Table, from_column

ROLES = "Octopus.Action.TargetRoles"
_PROCESSES = ("DeploymentProcess", "RunbookProcess")


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
    lifecycles: dict[str, list[str]] = field(default_factory=dict)
    """Environments of each lifecycle's phases, by lower-case id."""
    used: set[str] = field(default_factory=set)
    """Lower-case ids of the lifecycles that the chosen projects and their channels use."""
    roles: dict[Any, tuple[Key, str]] = field(default_factory=dict)
    spaces: set[Any] = field(default_factory=set)
    pools: dict[str, Key] = field(default_factory=dict)
    _values: dict[str, list[tuple[str, Key]]] = field(default_factory=dict)
    """Tenants' values by their owner's lower-case id, until that is taken."""
    _heads: dict[str, list[tuple[str, Any, Any]]] = field(default_factory=dict)
    _tenants: list[tuple[str, Key]] = field(default_factory=list)
    _asked: Any = None
    """For how many roles and which environments machines were looked for last."""

    def __post_init__(self) -> None:
        self.closure.listeners.append(self.see)

    def see(self, item: Loaded) -> None:
        """
        Learn from a document that was taken.
        """
        kind, body = item.table.map.type, item.body
        if kind in ("Project", "Channel") and isinstance(body.get("LifecycleId"), str):
            self.used.add(body["LifecycleId"].lower())
        if kind == "Project":
            self.spaces.add(fold(body.get(SPACE_COLUMN)))
        elif kind == "Lifecycle":
            self.lifecycles[item.key[1]] = list(_phase_environments(body))
        elif kind in _PROCESSES:
            for role in _roles(body):
                self.roles.setdefault(fold(role), (item.key, role))
            self.gone_to.extend(str(p.value) for p in places(body, "Steps/*/Actions/*/Environments/*"))
        elif kind == "Deployment":
            self.gone_to.append(str(body.get("EnvironmentId")))
        elif kind == "WorkerPool":
            before = self.closure.taken[item.key].via.before
            if before is None or before[0] != "Worker":
                # A pool that only a worker named does not bring its other workers.
                self.pools[item.key[1]] = item.key
        elif kind == "Tenant":
            self._tenants.append((item.id, item.key))

    def tenants(self) -> None:
        """
        Take the tenants that are connected to the chosen projects.
        """
        table = self._table("Tenant")
        if table is None:
            return
        for identity, ids, _ in self._all(table, "ProjectIds"):
            for project in ids:
                if project.lower() in self.closure.roots:
                    self.closure.want("Tenant", [identity], Via(("Project", project.lower()), "connected tenant"))

    def add(self) -> None:
        """
        Take what belongs to what was taken so far; run the closure and call it again until nothing comes.
        """
        self._add_values()
        self._add_environments()
        self._add_machines()
        self._add_workers()

    def _add_values(self) -> None:
        table = self._table("TenantVariable")
        fresh, self._tenants = dict(self._tenants), []
        if table is not None and fresh:
            few = narrow(table, ("Id", "TenantId", "OwnerId"))
            by_id = {identity.lower(): key for identity, key in fresh.items()}
            at = few.position("TenantId") or 0
            for row in self.closure.reader.by_key(few, few.columns[at], list(fresh)):
                owner = str(row[few.position("OwnerId") or 0] or "").lower()
                self._values.setdefault(owner, []).append((str(row[few.id_position]), by_id[str(row[at]).lower()]))
        for owner in [o for o in self._values if self._owns(o)]:
            for identity, key in self._values.pop(owner):
                self.closure.want("TenantVariable", [identity], Via(key, "its value"))

    def _owns(self, owner: str) -> bool:
        return owner in self.closure.roots or self.closure.has("LibraryVariableSet", owner)

    def _add_environments(self) -> None:
        # A lifecycle without phases goes through all environments, by convention.
        table = self._table("DeploymentEnvironment")
        empty = self.without_phases()
        if table is None or not empty or not self.all_environments:
            return
        for identity, _, space in self._all(table, None):
            if space is None or space in self.spaces:
                via = Via(("Lifecycle", empty[0]), "it has no phases, so all environments")
                self.closure.want("DeploymentEnvironment", [identity], via)

    def without_phases(self) -> list[str]:
        """
        Return the lower-case ids of the lifecycles in use that have no phases, and so go through all environments.
        """
        return sorted(one for one in self.used if one in self.lifecycles and not self.lifecycles[one])

    def _environments(self) -> frozenset[str] | None:
        """
        Return the environments that the chosen projects go to, ``None`` for all.
        """
        if self.all_environments and self.without_phases():
            return None
        known = [self.lifecycles[one] for one in self.used if one in self.lifecycles]
        return frozenset(item.lower() for phases in (*known, self.gone_to) for item in phases)

    def _add_machines(self) -> None:
        table = self._table("Machine")
        if table is None or not self.roles:
            return
        wanted = self._environments()
        if self._asked == (len(self.roles), wanted):
            return
        self._asked = (len(self.roles), wanted)
        for identity, environments, space in self._all(table, "EnvironmentIds", "Roles"):
            where, roles = environments
            if space is not None and space not in self.spaces:
                continue
            role = next((fold(role) for role in roles if fold(role) in self.roles), None)
            if role is None or not (wanted is None or any(one.lower() in wanted for one in where)):
                continue
            key, spelled = self.roles[role]
            self.closure.want("Machine", [identity], Via(key, f"role {spelled}"))

    def _add_workers(self) -> None:
        table = self._table("Worker")
        if table is None or not self.pools:
            return
        for identity, pools, _ in self._all(table, "WorkerPoolIds"):
            for pool in pools:
                if pool.lower() in self.pools:
                    self.closure.want("Worker", [identity], Via(self.pools[pool.lower()], "its worker"))

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
        few = narrow(table, ("Id", *(name for name in columns if name), SPACE_COLUMN))
        at = [few.position(name) for name in columns]
        space, own = few.position(SPACE_COLUMN), few.id_position
        known: dict[Any, list[str]] = {}
        for batch in self.closure.reader.batches(few):
            for row in batch:
                lists = [
                    known.setdefault(text, _listed(text)) for text in (row[p] if p is not None else "" for p in at)
                ]
                value: Any = lists[0] if len(lists) == 1 else tuple(lists)
                yield str(row[own]), value, fold(row[space]) if space is not None else None


def _listed(text: Any) -> list[str]:
    value = from_column(text, Column.IDS)
    return [str(item) for item in value] if isinstance(value, list) else []


def _phase_environments(body: Body) -> Iterator[str]:
    for name in ("AutomaticDeploymentTargets", "OptionalDeploymentTargets"):
        for place in places(body, f"Phases/*/{name}/*"):
            if isinstance(place.value, str):
                yield place.value


def _roles(body: Body) -> Iterator[str]:
    for pattern in (f"Steps/*/Properties/{ROLES}", f"Steps/*/Actions/*/Properties/{ROLES}"):
        for place in places(body, pattern):
            if isinstance(place.value, str):
                yield from (role.strip() for role in place.value.split(",") if role.strip() and "#{" not in role)
