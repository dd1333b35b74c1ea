"""
How both programs log: one line an event, pretty on a terminal, JSON elsewhere, priorities for the journal.

Also the redaction of what looks like a secret, the last net below the rule that no secret is logged. Not here: which
events there are.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from migrator.wording import escaped_lines

MASK = "***"
QUIET = ("httpx", "httpcore", "apscheduler", "git")
"""Libraries whose chatter holds addresses (httpx writes whole URLs at level info) or nothing of use."""

# "pass" alone counts at the end only, else "passed" would be masked.
_SECRET_KEY = re.compile(
    r"pass(word|wd|phrase)?$|pass(word|wd|phrase)|pwd|secret|api[_-]?key|token|credential|authorization"
    r"|(master|private|signing|export|hmac)[_-]?key|connection|dsn|cookie",
    re.IGNORECASE,
)
# Up to the last @, since a password may hold one.
_URL_PASSWORD = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*://[^\s/:@]*):([^\s/]*)@")
# Also as %3D and %3B: SQLAlchemy's odbc_connect= carries a connection string in percent encoding.
_PAIR = re.compile(
    r"(?:(?<![A-Za-z])|(?<=%3B))(pwd|password|passwd|api[_-]?key|(?:access[_-]?|auth[_-]?)?token|secret)(\s*(?:=|%3D)\s*)"
    r"(\{(?:[^}]|\}\})*\}|%7B.*?%7D|\"[^\"]*\"|'[^']*'|[^;&\s\"']+?(?=%3B|[;&\s\"']|$))",
    re.IGNORECASE,
)
# After a semicolon it is surely ODBC, where an unquoted value goes on to the next one, blanks and all.
_ODBC_PAIR = re.compile(r"((?:^|;)\s*(?:pwd|password)\s*=\s*)(\{(?:[^}]|\}\})*\}|[^;\n{][^;\n]*)", re.IGNORECASE)
# The levels of syslog, by the names of structlog's methods.
_PRIORITY = {"critical": 2, "exception": 3, "error": 3, "warning": 4, "warn": 4, "info": 6, "debug": 7}


def redact_text(text: str) -> str:
    """
    Return *text* with the passwords of its URLs and connection strings replaced by ``***``.
    """
    text = _ODBC_PAIR.sub(rf"\1{MASK}", _URL_PASSWORD.sub(rf"\1:{MASK}@", text))
    return _PAIR.sub(rf"\1\2{MASK}", text)


def redact(value: Any) -> Any:
    """
    Return *value* with every secret-looking part masked, at any depth of mappings and sequences.

    What stands under a key named like a secret is masked whole, except ``None`` and truth values.
    """
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Mapping):
        return {key: _redact_item(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item) for item in value]
    if isinstance(value, BaseException):
        return redact_text(f"{type(value).__name__}: {value}")
    return value


def _redact_item(key: str, value: Any) -> Any:
    if value is not None and not isinstance(value, bool) and _SECRET_KEY.search(key):
        return MASK
    return redact(value)


def redaction(_log: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """
    Mask an event's secrets; a structlog processor. Fields starting with ``_`` belong to structlog and stay.
    """
    return {key: value if key.startswith("_") else _redact_item(key, value) for key, value in event.items()}


def escaping(_log: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """
    Write what a terminal would obey as escapes; a structlog processor. Names in an event come from a database.
    """
    return {key: value if key.startswith("_") else _escaped(value) for key, value in event.items()}


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return escaped_lines(value)
    if isinstance(value, Mapping):
        return {_escaped(key): _escaped(item) for key, item in value.items()}
    return [_escaped(item) for item in value] if isinstance(value, list | tuple | set | frozenset) else value


def in_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """
    Return whether *stream* is the journal's: JOURNAL_STREAM is set and names this very stream.

    A stream without a file descriptor cannot be compared and counts as the journal's.
    Source: systemd.exec(5), JOURNAL_STREAM.
    """
    named = environ.get("JOURNAL_STREAM", "")
    if not named:
        return False
    try:
        status = os.fstat(stream.fileno())
    except (OSError, AttributeError):
        return True
    return named == f"{status.st_dev}:{status.st_ino}"


def configure(
    stream: TextIO | None = None,
    json: bool | None = None,
    level: str = "info",
    environ: Mapping[str, str] | None = None,
) -> None:
    """
    Set the process's logging up: structlog's loggers and the standard library's write to *stream* (stderr) alike.

    ``json=None`` means pretty on a terminal and JSON lines elsewhere. *level* is debug, info, warning or error.

    Raises:
        ValueError: the level is not known.
    """
    stream = sys.stderr if stream is None else stream
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"{level!r} is no log level: write debug, info, warning or error")
    journal = in_journal(stream, os.environ if environ is None else environ)
    as_json = not stream.isatty() if json is None else json
    shared = list(_shared(journal))
    last = list(_rendering(as_json, journal, stream.isatty()))
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        # Set up again at each reload and in each test, while modules keep the loggers that they got before.
        cache_logger_on_first_use=False,
    )
    _configure_standard(stream, number, shared, last)


def _shared(journal: bool) -> Iterable[Processor]:
    yield structlog.contextvars.merge_contextvars
    yield structlog.stdlib.add_log_level
    # The journal stamps each entry itself.
    if not journal:
        yield structlog.processors.TimeStamper(fmt="iso", utc=True)
    yield structlog.processors.format_exc_info
    # After format_exc_info: the text of an exception may hold what no field does.
    yield redaction
    yield escaping


def _rendering(as_json: bool, journal: bool, colors: bool) -> Iterable[Processor]:
    if as_json:
        yield structlog.processors.JSONRenderer(sort_keys=False, ensure_ascii=False, default=_plain)
    else:
        # structlog's default shows the local variables of each frame where rich is installed, and secrets with them.
        yield structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)
    if journal:
        yield _Prefix()


def _plain(value: Any) -> Any:
    # Most things a log meets by accident (paths, dates) read well as text; redaction has not seen inside them yet.
    return escaped_lines(redact_text(str(value)))


class _Prefix:
    """
    Puts the journal's ``<N>`` before each line of a rendered event; source: sd-daemon(3).
    """

    def __call__(self, _log: WrappedLogger, method: str, rendered: Any) -> str:
        priority = _PRIORITY.get(method, 6)
        # The journal takes each line for an entry of its own, and one without a level for level info.
        return "\n".join(f"<{priority}>{line}" for line in str(rendered).splitlines())


def _configure_standard(stream: TextIO, level: int, shared: list[Processor], last: list[Processor]) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    # Our own of an earlier call only; a test runner's handlers stay.
    for old in [item for item in root.handlers if isinstance(item.formatter, structlog.stdlib.ProcessorFormatter)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
