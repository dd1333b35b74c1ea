"""
A configuration file in TOML, read into a model: all that is wrong with it is told at once, each with its line.

No message repeats a value or the parser's own words, since a secret may stand there. What a file may say is in the
settings of each program.
"""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from migrator.credentials import check_address, check_reference
from migrator.errors import UsageError
from migrator.wording import counted, did_you_mean

Place = tuple[str | int, ...]
"""Where something stands: the names of its tables and its key; of a list the index."""

Wrong = tuple[Place, str]
"""A place, and what is wrong with it."""


def _checked(check: Callable[[str], None]) -> AfterValidator:
    def validate(text: str) -> str:
        check(text)
        return text

    return AfterValidator(validate)


Reference = Annotated[str, _checked(check_reference)]
"""Where a secret is; the secret itself is refused."""

Address = Annotated[str, _checked(check_address)]
"""A database's address, or a reference to one; with a password in it only the latter."""


class Table(BaseModel):
    """
    A table of a file. Unknown keys are errors, and neither errors nor repr show what was written by mistake.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class TomlFile:
    """
    A file that is TOML, whatever else it may be.
    """

    path: Path
    values: Mapping[str, Any] = field(repr=False)
    text: str = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> TomlFile:
        """
        Read a file.

        Raises:
            UsageError: it cannot be read, is in another encoding than UTF-8, or is not TOML.
        """
        try:
            text = _decoded(path.read_bytes())
            return cls(path, tomllib.loads(text), text)
        except OSError as error:
            raise UsageError(f"the configuration file {path} cannot be read: {error.strerror}") from None
        except tomllib.TOMLDecodeError as error:
            raise UsageError(f"the configuration file {path} is not TOML: {_position(error)}") from None
        except ValueError as error:
            raise UsageError(f"the configuration file {path} {error}") from None

    @cached_property
    def lines(self) -> Mapping[Place, int]:
        """
        Return the line of each table and key, counted from 1.
        """
        return _line_numbers(self.text)

    def into(
        self,
        model: type[Model],
        values: Mapping[str, Any] | None = None,
        wrong: Iterable[Wrong] = (),
        origin: Callable[[Place], Place] = lambda place: place,
    ) -> Model:
        """
        Return *values*, by default the file's own, as *model*.

        *wrong* is what is wrong besides; *origin* says where in the file a place of *values* comes from.

        Raises:
            UsageError: everything that is wrong, one line each with its place.
        """
        errors = list(wrong)
        try:
            found = model.model_validate(self.values if values is None else values)
        except ValidationError as error:
            errors += [(origin(place), what) for place, what in errors_of(error, model)]
        if not errors:
            return found
        at = sorted((self._line_of(place), _spelled(place), what) for place, what in dict.fromkeys(errors))
        lines = [f"  {f'line {line}, ' if line else ''}{place or 'the file'}: {what}" for line, place, what in at]
        head = f"the configuration file {self.path} has {counted(len(lines), 'error')}:"
        raise UsageError("\n".join([head, *lines]))

    def _line_of(self, place: Place) -> int:
        # What is missing has no line of its own; the table that lacks it has.
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines[place] if place else 0


def _decoded(content: bytes) -> str:
    marks = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    # A zero byte is in no TOML file, and in almost every one that a Windows program saved as "Unicode".
    if content.startswith(marks) or b"\0" in content:
        raise ValueError("is UTF-16, not UTF-8; save it again as UTF-8")
    try:
        # Editors on Windows put a mark before UTF-8, which TOML does not allow.
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"is not UTF-8: look at line {line}, and save it again as UTF-8") from None


def _position(error: tomllib.TOMLDecodeError) -> str:
    # Only the position is taken: the rest of the parser's words may quote the file.
    place = re.search(r"\(at (line \d+, column \d+|end of document)\)$", str(error))
    return f'look at {place.group(1) if place else "its syntax"}; texts stand in quotation marks, as in key = "text"'


def _line_numbers(text: str) -> dict[Place, int]:
    """
    Return the line of each table and key of a TOML text.

    A statement is the fewest lines that are TOML by themselves, so the parser itself says what each of them names.
    """
    found: dict[Place, int] = {}
    tables = _Tables()
    statement, first = "", 1
    for number, line in enumerate(text.split("\n"), 1):
        first = first if statement else number
        statement += f"{line}\n"
        try:
            value = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue
        if statement.lstrip().startswith("["):
            tables.enter(value)
            value = {}
        for place in (*_beginnings(tables.current), *_keys(value, tables.current)):
            # A table stands where it is first named, be it by one of its own tables.
            found.setdefault(place, first)
        statement = ""
    return found


@dataclass
class _Tables:
    """
    The table that a line stands in; of an array of tables, the one that was begun last.
    """

    current: Place = ()
    _arrays: dict[Place, int] = field(default_factory=dict)

    def enter(self, header: Any) -> None:
        place: Place = ()
        while header:
            ((name, header),) = header.items()
            place = (*place, name)
            if isinstance(header, list):
                self._arrays[place] = self._arrays.get(place, -1) + 1
                header = {}
            if place in self._arrays:
                place = (*place, self._arrays[place])
        self.current = place


def _beginnings(place: Place) -> Iterator[Place]:
    return (place[:length] for length in range(1, len(place) + 1))


def _keys(value: Mapping[str, Any], inside: Place) -> Iterator[Place]:
    for name, item in value.items():
        yield (*inside, name)
        if isinstance(item, dict):
            yield from _keys(item, (*inside, name))


def errors_of(error: ValidationError, model: type[BaseModel]) -> list[Wrong]:
    """
    Return what pydantic found wrong with values for *model*, in words of ours.
    """
    return [(_place_of(item), _words_of(item, model)) for item in error.errors(include_input=False, include_url=False)]


def _place_of(error: Mapping[str, Any]) -> Place:
    # Of a name that is wrong itself, as a key of a table is, pydantic adds "[key]".
    place: Place = error["loc"]
    return place[:-1] if place[-1:] == ("[key]",) else place


def _spelled(place: Place) -> str:
    return ".".join(str(part) if re.fullmatch(r"[A-Za-z0-9_-]+", str(part)) else f'"{part}"' for part in place)


_NUMBER = "must be a number"
_TABLE = "must be a table"
_WORDS: Mapping[str, str] = {
    "missing": "is missing",
    "string_type": "must be a text in quotation marks",
    "string_too_short": "is empty or too short",
    "too_short": "is empty or too short",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "tuple_type": 'must be a list, as ["one", "two"]',
    "path_type": "must be a text in quotation marks",
    "model_type": _TABLE,
    "dict_type": _TABLE,
    "literal_error": "must be {expected}",
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be less than {lt:g}",
    "less_than_equal": "must be at most {le:g}",
}


def _words_of(error: Mapping[str, Any], model: type[BaseModel]) -> str:
    if error["type"] == "extra_forbidden":
        *inside, name = error["loc"]
        known = _known_keys(model, inside)
        return f"unknown key{did_you_mean(str(name), known, 'known are ' + ', '.join(known))}"
    if error["type"] in _WORDS:
        return _WORDS[error["type"]].format_map(error.get("ctx", {}))
    # pydantic's own words before those of a check of ours.
    return str(error["msg"]).removeprefix("Value error, ")


def _known_keys(model: Any, place: Sequence[int | str]) -> list[str]:
    """
    Return the keys that a table of the file may have.
    """
    for part in place:
        if get_origin(model) in (dict, list, tuple):
            model = get_args(model)[-1 if get_origin(model) is dict else 0]
            continue
        fields = getattr(model, "model_fields", {})
        model = _table_in(fields[part].annotation) if part in fields else None
    return list(getattr(model, "model_fields", {}))


def _table_in(annotation: Any) -> Any:
    """
    Return what of an annotation may have keys: of ``Table | None`` the table, of ``Annotated[x, ...]`` x.
    """
    if get_origin(annotation) in (dict, list, tuple) or not get_args(annotation):
        return annotation
    inner = [_table_in(item) for item in get_args(annotation)]
    return next((item for item in inner if hasattr(item, "model_fields") or get_args(item)), None)
