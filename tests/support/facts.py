"""
The page of facts: all that the program takes for granted about each type, one line each, made from the maps.

``make pages`` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from migrator.maps import CONFIGURATION, REGISTRY, columns_2018, parts, projects, reading, shared
from migrator.maps.document_map import default_map
from migrator.maps.system import VOLATILE_EVERYWHERE
from migrator.octopus_format import classes

PAGE = Path(__file__).parents[1] / "data" / "facts.txt"
_OTHERS: Mapping[str, Any] = {
    "any other type": default_map("Other"),
    "volatile everywhere": VOLATILE_EVERYWHERE,
    "left out": REGISTRY.excluded,
    "exported without being asked": tuple(item.type for item in CONFIGURATION),
    "in the order of tables": tuple(sorted((item.type for item in REGISTRY.maps), key=REGISTRY.order)),
    "history that is taken": tuple(sorted(parts.TAKEN_HISTORY)),
    "scope of a variable": dict(projects.VARIABLE_SCOPES),
    "controls whose value is an id": shared.PARAMETER_CONTROLS,
    "columns of 2018": columns_2018.COLUMNS,
    "groups": reading.GROUPS,
    "action": reading.ACTION_TYPES,
    **{f"original tool, {name}": value for name, value in vars(classes).items() if name.isupper()},
}


def page() -> str:
    """
    Return the page.
    """
    everywhere = len(VOLATILE_EVERYWHERE)
    own = [replace(item, volatile=item.volatile[:-everywhere]) for item in REGISTRY.maps]
    lines = [line for item in own for line in _of(item.table, item)]
    lines += [line for title, value in _OTHERS.items() for line in _lines(title, value)]
    return "".join(f"{line}\n" for line in lines)


def _of(title: str, value: Any) -> Iterator[str]:
    for field in fields(value):
        if (own := getattr(value, field.name)) != _default(field):
            yield from _lines(f"{title}: {field.name}", own)


def _lines(title: str, value: Any) -> Iterator[str]:
    """
    Yield a line for each element, so that a change of one fact is a change of one line.
    """
    if is_dataclass(value):
        yield from _of(title, value)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield f"{title}: {key}: {_written(item)}"
    elif isinstance(value, tuple) and value and not isinstance(value[0], str):
        for item in value:
            yield f"{title}: {_written(item)}"
    else:
        yield f"{title}: {_written(value)}"


def _written(value: Any) -> str:
    return value if isinstance(value, str) and value else json.dumps(_plain(value), ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value):
        own = ((field, getattr(value, field.name)) for field in fields(value))
        return {field.name: _plain(item) for field, item in own if item != _default(field)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value


def _default(field: Field[Any]) -> Any:
    return field.default_factory() if field.default_factory is not MISSING else field.default


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
