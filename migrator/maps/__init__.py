"""
The facts about each type of document and each table, as data. Not here: anything that acts on them.

A new table of a newer server is one more row in one of these files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cached_property

from migrator.maps.access import ACCESS_MAPS
from migrator.maps.document_map import LAST, DocumentMap, Kind, Role, default_map
from migrator.maps.history import HISTORY_MAPS
from migrator.maps.infrastructure import INFRASTRUCTURE_MAPS
from migrator.maps.library import LIBRARY_MAPS
from migrator.maps.projects import PROJECT_MAPS
from migrator.maps.reading import READINGS
from migrator.maps.system import EXCLUDED_PATTERNS, EXCLUDED_SCHEMAS, EXCLUDED_TABLES, VOLATILE_EVERYWHERE


@dataclass(frozen=True)
class Registry:
    """
    The maps by table name, blind to case as the database is; documents that own others come first.
    """

    maps: tuple[DocumentMap, ...]
    excluded: Mapping[str, str]
    patterns: Mapping[str, str] = field(default_factory=dict)
    """Names with ``*`` of further tables that are left out, each with the reason."""
    schemas: Mapping[str, str] = field(default_factory=dict)
    """Schemas (lower case) whose tables are left out, each with the reason."""

    @cached_property
    def _by_table(self) -> dict[str, DocumentMap]:
        return {item.table.lower(): item for item in self.maps}

    @cached_property
    def _by_role(self) -> dict[Role, DocumentMap]:
        return {item.role: item for item in self.maps if item.role is not None}

    @cached_property
    def _excluded(self) -> dict[str, str]:
        return {name.lower(): reason for name, reason in self.excluded.items()}

    def find(self, table: str) -> DocumentMap | None:
        """
        Return the map of a table, or ``None``.
        """
        return self._by_table.get(table.lower())

    def __getitem__(self, table: str) -> DocumentMap:
        """
        Return the map of a known type, or of an unknown one the default.
        """
        # Not ``find``: a table of a newer server is exported all the same.
        return self.find(table) or replace(default_map(table), volatile=VOLATILE_EVERYWHERE)

    def is_excluded(self, table: str) -> bool:
        """
        Return whether a table is left out by name.
        """
        return self.exclusion(table) is not None

    def exclusion(self, table: str) -> str | None:
        """
        Return why a table is left out by name, ``None`` if it is not.
        """
        lowered = table.lower()
        if lowered in self._excluded:
            return self._excluded[lowered]
        if self.find(table) is not None:
            return None
        return next((why for name, why in self.patterns.items() if fnmatchcase(lowered, name.lower())), None)

    def exclusion_of_schema(self, schema: str) -> str | None:
        """
        Return why all tables of a schema are left out, ``None`` if they are not.
        """
        return self.schemas.get(schema.lower())

    def of(self, role: Role) -> DocumentMap:
        """
        Return the map of the one type that has a role.
        """
        return self._by_role[role]

    def holders(self, part: str) -> tuple[DocumentMap, ...]:
        """
        Return the maps of the types that hold what references call *part*.
        """
        return tuple(item for item in self.maps if part in item.holds)

    def owns(self, table: str) -> bool:
        """
        Return whether documents of this type have others as their parts, or hold a space's.
        """
        return self[table].owner_rank is not None

    def order(self, table: str) -> tuple[int, str]:
        """
        Return a sort key that puts owners before what they own.
        """
        rank = self[table].owner_rank
        return LAST if rank is None else rank, table


_ALL = (*PROJECT_MAPS, *LIBRARY_MAPS, *INFRASTRUCTURE_MAPS, *ACCESS_MAPS, *HISTORY_MAPS)
REGISTRY = Registry(
    tuple(
        replace(item, volatile=(*item.volatile, *VOLATILE_EVERYWHERE), reading=READINGS.get(item.table, item.reading))
        for item in _ALL
    ),
    EXCLUDED_TABLES,
    EXCLUDED_PATTERNS,
    EXCLUDED_SCHEMAS,
)
CONFIGURATION = tuple(item for item in REGISTRY.maps if item.kind is Kind.CONFIGURATION)
