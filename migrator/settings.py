"""
The migrator's configuration file (TOML): which servers there are, and where their secrets are.

Secrets are references (see ``credentials``) and stay so; nothing is resolved here. Options of one run are not here.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from migrator.credentials import KINDS, check_reference
from migrator.errors import UsageError

DEFAULT_PATHS = (Path("~/.config/octopus-migrator.toml"), Path("/etc/octopus-migrator/migrator.toml"))
DEFAULT_INSTANCE = "default"
_REFERENCE = re.compile(rf"(?:{'|'.join(KINDS)}):(?!//)")


def _reference(text: str) -> str:
    check_reference(text)
    return text


Reference = Annotated[str, AfterValidator(_reference)]


class InstanceSettings(BaseModel):
    """
    One server. ``database`` is an address, or a reference to one that holds a password.
    """

    # A literal written where a reference belongs is a secret: neither errors nor repr may show it.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    database: str = Field(min_length=1, repr=False)
    master_key: Reference | None = None
    password: Reference | None = None


class Settings(BaseModel):
    """
    The whole file.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    instances: dict[str, InstanceSettings] = Field(min_length=1)

    def instance(self, name: str | None) -> InstanceSettings:
        """
        Return the server called *name*; without a name the one called ``default``, or the only one.

        Raises:
            UsageError: there is none of that name, or several to choose from.
        """
        known = ", ".join(self.instances)
        if name is None:
            if len(self.instances) == 1:
                return next(iter(self.instances.values()))
            name = DEFAULT_INSTANCE
            if name not in self.instances:
                raise UsageError(f"the configuration file names several servers ({known}); choose one with --instance")
        if name not in self.instances:
            raise UsageError(f"the configuration file has no [instances.{name}]; it has {known}")
        return self.instances[name]


def is_reference(text: str) -> bool:
    """
    Return whether a text that may be an address is a reference to one.
    """
    return _REFERENCE.match(text) is not None


def find_file(paths: Sequence[Path] = DEFAULT_PATHS) -> Path | None:
    """
    Return the first of the usual files that exists, or ``None``.
    """
    return next((path for path in (item.expanduser() for item in paths) if path.is_file()), None)


def load(path: Path) -> Settings:
    """
    Read a configuration file.

    Raises:
        UsageError: it cannot be read, or something in it is wrong; all of that at once, each with its place.
    """
    return read_toml(path, Settings)


Model = TypeVar("Model", bound=BaseModel)


def read_toml(path: Path, model: type[Model]) -> Model:
    """
    Read a TOML file into *model*, whose unknown keys are errors.

    Raises:
        UsageError: as ``load``.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"the configuration file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"the configuration file {path} is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"the configuration file {path} is not TOML: {_position(error)}") from None
    try:
        return model.model_validate(data)
    except ValidationError as error:
        lines = [f"{path}: {spell_error(item, model)}" for item in error.errors(include_input=False, include_url=False)]
        raise UsageError("\n".join(lines)) from None


def _position(error: tomllib.TOMLDecodeError) -> str:
    # The message may quote the text, where a secret could stand; its place is enough.
    place = re.search(r"\(at .*\)$", str(error))
    return f"look {place.group()[1:-1]}" if place else "look at its syntax"


def spell_error(error: Mapping[str, Any], model: type[BaseModel]) -> str:
    """
    Return one of pydantic's errors as ``place: what is wrong``; an unknown key names the nearest known one.
    """
    place = error["loc"]
    at = ".".join(str(part) for part in place) or "the file"
    if error["type"] == "extra_forbidden":
        known = _keys_at(model, place[:-1])
        near = difflib.get_close_matches(str(place[-1]), known, 1, 0.4)
        return f"{at}: unknown key; {f'did you mean {near[0]}?' if near else 'known are ' + ', '.join(known)}"
    if error["type"] == "missing":
        return f"{at}: is missing"
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{at}: {message[:1].lower()}{message[1:]}"


def _keys_at(model: Any, place: Sequence[int | str]) -> list[str]:
    """
    Return the keys that a table of the file may have.
    """
    for part in place:
        fields = model.model_fields if _is_model(model) else {}
        model = _inner(fields[part].annotation if part in fields else model)
    return list(model.model_fields) if _is_model(model) else []


def _inner(annotation: Any) -> Any:
    if _is_model(annotation) or not get_args(annotation):
        return annotation
    models = [found for item in get_args(annotation) if _is_model(found := _inner(item))]
    return models[0] if models else annotation


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
