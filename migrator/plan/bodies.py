"""
The documents a plan ends with, kept aside until it is applied: in a private temporary file once they are many.

No secret is in the file, under no key: a mark stands in its place, and the secret stays in memory, where the tree has
it anyway.
"""

from __future__ import annotations

import json
import tempfile
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

from migrator.documents.canonical_json import decode, encode_ordered
from migrator.errors import OperatorError
from migrator.plan.ids import Marks
from migrator.secrets.sealing import MixedText, SecretText

_IN_MEMORY = 8 << 20


class Span(NamedTuple):
    """
    Where a value stands among the bodies.
    """

    offset: int
    size: int


class Bodies:
    """
    JSON values in which secrets and marks may stand, added one by one and read in any order.

    The file has no name and is gone with this object, or with the process.
    """

    def __init__(self, marks: Marks) -> None:
        self.marks = marks
        self._secrets: list[SecretText] = []
        # Most imports are small and never touch the disk.
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed with this object
        self._end = 0
        weakref.finalize(self, self._file.close)

    def __enter__(self) -> Bodies:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """
        Let go of all values.
        """
        self._file.close()

    def add(self, value: Any) -> Span:
        """
        Keep a value.

        Raises:
            OperatorError: the disk is full.
        """
        # In the order they have, which is the order in which a new row's JSON has them.
        content = encode_ordered(self._masked(value))
        span = Span(self._end, len(content))
        try:
            self._file.seek(span.offset)
            self._file.write(content)
        except OSError as error:
            raise OperatorError(
                f"the plan's temporary file cannot be written ({error.strerror}); nothing was imported. "
                f"Make room in {tempfile.gettempdir()}, or name another folder in TMPDIR"
            ) from None
        self._end += span.size
        return span

    def read(self, span: Span, new: Callable[[int], str], seal: Callable[[SecretText], str]) -> Any:
        """
        Return a value with the ids that *new* gives in place of their marks, and its secrets as *seal* makes them.
        """
        return decode(self.text(span, new, seal))

    def text(self, span: Span, new: Callable[[int], str], seal: Callable[[SecretText], str]) -> str:
        """
        Return a value as ``read`` does, as the text of its JSON.
        """
        self._file.seek(span.offset)
        text = self._file.read(span.size).decode()
        return self.marks.settle(
            text, lambda number: _inside(new(number)), lambda number: _inside(seal(self._secrets[number]))
        )

    def _masked(self, value: Any) -> Any:
        if isinstance(value, SecretText):
            # Not sealed yet: under a fresh IV each time, no two plans of one import would be the same.
            self._secrets.append(value)
            return self.marks.secret(len(self._secrets) - 1)
        if isinstance(value, MixedText):
            return "".join(part if isinstance(part, str) else self._masked(part) for part in value.parts)
        if isinstance(value, dict):
            return {key: self._masked(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._masked(item) for item in value]
        return value


def _inside(text: str) -> str:
    """
    Return *text* as it stands between the quotes of a JSON text.
    """
    # A mark stands within a text of JSON, and what takes its place must not end that text.
    return json.dumps(text)[1:-1]
