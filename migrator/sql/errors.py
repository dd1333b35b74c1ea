"""
What a database's errors mean and what to do: one sentence each, by the server's own number, never with a value.

A driver's text may hold what was sent or what stands in a row, so nothing of it is shown but names of tables, columns
and constraints; the exceptions themselves are emptied. Not here: how a program ends.

Sources: the vendor's reference of Database Engine errors; pyodbc's errors, which name state, text, number and function.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, exc

from migrator.errors import DatabaseError
from migrator.sql.address import shown
from migrator.sql.drivers import DRIVER_HELP

LOGIN = (
    "CREATE LOGIN [octopus_auditor] WITH PASSWORD = '...'; USE the database; "
    "CREATE USER [octopus_auditor] FOR LOGIN [octopus_auditor]; GRANT SELECT ON SCHEMA::dbo TO [octopus_auditor];"
)
_WRITER = "an import needs SELECT, INSERT, UPDATE, DELETE and EXECUTE on the schema dbo"
_STOP = "stop the server or switch maintenance mode on, and try again"
_FASTER = f"a faster writer was there: {_STOP}"

MEANINGS: dict[int, str] = {
    4060: "there is no database of this name, or the login may not open it; check the address, or let an administrator "
    f"run: {LOGIN}",
    18456: "it refuses the login; check user and password, and that the server has such a login (CREATE LOGIN) and "
    "allows its kind",
    18452: "it refuses the login, which is of a domain it does not trust; use a login of the server's own",
    40615: "its firewall refuses this machine; add a rule for the machine's address",
    40613: "it is not available at the moment; try again in a few minutes",
    978: "this replica takes readers only; add ApplicationIntent=ReadOnly to the address",
    976: "this replica cannot be read; use the primary's address, or make the secondary readable",
    1222: "somebody else held a lock on it for longer than limits.lock allows; sys.dm_tran_locks shows who, or try "
    "again later",
    1205: f"it chose this program as a deadlock's victim; {_STOP}",
    3960: f"another transaction changed the same row; {_STOP}",
    3961: "its structure was changed during the read, as by an upgrade or a rebuilt index; try again",
    3952: "snapshot isolation was switched off since this program looked; try again, or run ALTER DATABASE ... SET "
    "ALLOW_SNAPSHOT_ISOLATION ON",
    9002: "its transaction log is full; back the log up or let it grow, and try again",
    1105: "its disk or filegroup is full; make room, and try again",
    3906: "it is read-only; use the primary's address, or switch the database to READ_WRITE",
    596: "an administrator or the server itself ended the session; try again",
    3201: "the server's own account cannot open the file; the path is one of the database server's machine, and its "
    "folder must be there and open to that account",
    3202: "the server could not write the backup; look for room and errors on its disk",
    3241: "what is in that file is no backup; name another file",
    262: "the login may not make backups and verify them; add it to db_backupoperator in the database and grant "
    "CREATE ANY DATABASE, or make the backup as an administrator",
    229: f"the login lacks a right{{on}}; grant SELECT on the schema dbo, as an administrator: {LOGIN}",
    208: "the table{name} is not there, or the login cannot see it; if the server was upgraded meanwhile, try again, "
    "else run `auditor check`",
    207: "the column{name} is not there any more; if the server was upgraded meanwhile, try again",
    2627: f"another row has the same key{{name}}; {_FASTER}",
    2601: f"another row has the same key{{name}}; {_FASTER}",
    547: f"a row refers to one that is not there, or is referred to{{name}}; {_FASTER}",
    515: "the column{name} may not be empty; the tree is of another version than the server, or lacks something",
    2628: "a text is longer than its column{name} allows; shorten it in the tree",
    8152: "a text is longer than its column allows; shorten it in the tree",
}
"""What each number means, those that say more first: one failure may bear several."""

_CONSTRAINED = (2627, 2601, 547, 515, 2628, 8152)
_AGAIN = (1205, 3960)
# The server's words are in its own language, and so are their quotation marks.
_QUOTED = r"['\"‘’“”„«»]+ ?([\w.$#@ -]{1,128}?) ?['\"‘’“”„«»]+"
# For failures that have no number of the server: those of the driver and of its manager.
_STATES = {
    "IM002": f"its ODBC driver is not installed; {DRIVER_HELP}",
    "28000": MEANINGS[18456],
    "40001": MEANINGS[1205],
    "HY008": "the statement was cancelled",
}
_UNREACHED = ("08001", "08S01", "08004", "HYT00", "HYT01")
_WORDS = (
    (("can't open lib", "data source name not found"), _STATES["IM002"]),
    (("file is not a database",), "the file is not a SQLite database; check the address"),
    (("database is locked",), "another program holds it locked; try again later"),
    (("login failed",), MEANINGS[18456]),
    (
        # OpenSSL's words, in Microsoft's driver behind "SSL Provider", and FreeTDS's.
        ("ssl provider", "certificate verify failed", "ssl routines", "tls handshake", "unable to open ssl"),
        (
            "no TLS connection to it could be made; put the issuer of its certificate into this machine's store, name "
            "the host as the certificate does (HostNameInCertificate), or look which versions of TLS both sides allow"
        ),
    ),
    (("permission was denied",), MEANINGS[229].format(on="")),
    (("deadlock",), MEANINGS[1205]),
    (("disk i/o error", "disk is full"), "its disk gave an error or is full"),
    (
        ("timeout", "unable to open", "server is not found", "unable to connect"),
        "it cannot be reached; check the server's name, the network and that it is running",
    ),
)


class TryAgain(DatabaseError):
    """
    The server ended the transaction for the sake of another one; the whole unit may be run again.
    """


@dataclass(frozen=True)
class Said:
    """
    What a driver said of one failure: SQLSTATE, the server's numbers, the calls of ODBC that failed, all its words.
    """

    state: str
    numbers: tuple[int, ...]
    functions: tuple[str, ...]
    words: str

    @property
    def number(self) -> int:
        """
        Return the number that says most, 0 where none is known.
        """
        # A key's value stands in the words of a constraint's failure, and may look like anything.
        known = _CONSTRAINED if self.state == "23000" else MEANINGS
        return next((number for number in known if number in self.numbers), 0)

    @property
    def name(self) -> str:
        """
        Return the constraint, table or column that the server names, ``""`` where it names none.
        """
        # In every language the name stands first, but that of an index or of a column, which stands after its table's.
        found = re.findall(_QUOTED, self.words)
        at = 1 if self.number in (2601, 2628) else 0
        return found[at] if len(found) > at else ""


_RECORD = re.compile(r"\((-?\d+)\)(?: \((SQL\w+)\))?(?=; \[|\s*$)")


def said(error: BaseException | None) -> Said:
    """
    Return what is known of a driver's error, in the forms of Microsoft's driver and of FreeTDS.
    """
    args = getattr(error, "args", ())
    first = args[0] if args and isinstance(args[0], str) else ""
    words = " ".join(str(part) for part in args)
    records = _RECORD.findall(words)
    state = first if re.fullmatch(r"[0-9A-Z]{5}", first) else ""
    return Said(state, tuple(int(number) for number, _ in records), tuple(name for _, name in records if name), words)


@contextmanager
def database_errors(engine: Engine, *, writing: bool = False) -> Iterator[None]:
    """
    Turn the drivers' errors into one sentence each, without the statement, without values, without secrets.

    Raises:
        TryAgain: only when *writing*: the unit may be run again.
        DatabaseError: anything else.
    """
    try:
        yield
    except ImportError as error:
        raise DatabaseError(f"the ODBC driver manager is missing ({error}); {DRIVER_HELP}") from None
    except exc.DBAPIError as error:
        failure = _failure(engine, error, writing)
        empty(error)
        raise failure from None
    except exc.SQLAlchemyError as error:
        kind = type(error).__name__
        empty(error)
        raise DatabaseError(f"the database {shown(engine.url)} gave an error: {kind}") from None


class HalfCharacter(DatabaseError):
    """
    A text of the database holds half a character, which its driver does not convert unless it is told to.
    """


_UNDECODED = "could not decode to utf-8"
"""SQLite's words for the same; the text itself follows."""


def half_characters(context: Any) -> DatabaseError | None:
    """
    Return what is said of a text that no driver can convert, in place of an error that would show it.

    For SQLAlchemy's event ``handle_error``: only what a statement sends or fetches comes by here.
    """
    error = context.original_exception
    read = isinstance(error, UnicodeDecodeError) or str(error).lower().startswith(_UNDECODED)
    if not (read or isinstance(error, UnicodeError)):
        return None
    error.args, error.__traceback__ = (), None
    if isinstance(error, (UnicodeEncodeError, UnicodeDecodeError)):
        error.object = type(error.object)()
    return (HalfCharacter if read else DatabaseError)(
        "a text on its way from or to the database holds half a character (a lone surrogate), which no driver takes; "
        "correct it where it was made"
    )


def write_errors(engine: Engine) -> Any:
    """
    Return ``database_errors`` for what may be run again, or is undone.
    """
    return database_errors(engine, writing=True)


def empty(error: BaseException) -> None:
    """
    Take the values out of an exception and of those of the driver it stands on: any traceback would show them.
    """
    waiting: list[BaseException | None] = [error]
    seen: list[BaseException] = []
    while waiting:
        if (one := waiting.pop()) is not None and not any(one is other for other in seen):
            seen.append(one)
            waiting += [one.__cause__, one.__context__, getattr(one, "orig", None)]
    drivers = {type(one.orig).__module__ for one in seen if isinstance(one, exc.StatementError)}
    for one in seen:
        if isinstance(one, exc.StatementError):
            one.statement, one.params, one.detail = None, None, []
        if isinstance(one, exc.SQLAlchemyError) or type(one).__module__ in drivers:
            one.args = (said(one).state,)
            one.__traceback__ = None


def _failure(engine: Engine, error: exc.DBAPIError, writing: bool) -> DatabaseError:
    what, url = said(error.orig), engine.url
    meaning = _meaning(what)
    if isinstance(error.orig, sqlite3.Error):
        meaning = _of_file(str(error.orig), writing) or meaning
    if not meaning:
        kind = type(error.orig).__name__
        # SQLite's words name tables and columns, never values; a server's may repeat what was sent.
        detail = what.words.split("\n")[0][:200] if url.get_backend_name() == "sqlite" else _unknown(what)
        return DatabaseError(f"the database {shown(url)} gave an error ({kind}: {detail})")
    if not writing:
        return DatabaseError(f"the database {shown(url)} cannot be used: {meaning}")
    if what.number in _AGAIN or what.state == "40001" or (not what.number and "deadlock" in what.words.lower()):
        return TryAgain(f"the database {shown(url)} ended the import: {meaning}; nothing was imported")
    if what.number == 229 or "permission was denied" in what.words.lower():
        meaning = f"{meaning} {_WRITER}"
    if isinstance(error, exc.IntegrityError) or what.number in _CONSTRAINED:
        return DatabaseError(f"the database {shown(url)} refused a row; nothing was imported: {meaning}")
    return DatabaseError(f"the database {shown(url)} cannot be used; nothing was imported: {meaning}")


def _meaning(what: Said) -> str:
    if what.number:
        name = f" {what.name}" if what.name else ""
        if what.number in (2627, 2601, 547):
            name = f" ({what.name})" if what.name else ""
        return MEANINGS[what.number].format(name=name, on=f" on {what.name}" if what.name else "")
    if what.state in _STATES:
        return _STATES[what.state]
    # One state for both limits; the call that failed tells a statement's from a connection's.
    if what.state in ("HYT00", "HYT01") and any(not name.startswith("SQLDriverConnect") for name in what.functions):
        return "a statement took longer than limits.statement allows; raise it, or look why the database is slow"
    words = what.words.lower()
    if found := next((meaning for signs, meaning in _WORDS if any(sign in words for sign in signs)), ""):
        return found
    return _WORDS[-1][1] if what.state in _UNREACHED else ""


def _of_file(words: str, writing: bool) -> str:
    """
    Return what SQLite's words mean, which name columns and no values.
    """
    for sign, meaning in (("UNIQUE", "another row has the same {}"), ("NOT NULL", "{} may not be empty")):
        if f"{sign} constraint failed: " in words:
            return meaning.format(words.partition("failed: ")[2].split("\n")[0]) + f"; {_STOP}"
    if "constraint failed" in words:
        return f"a constraint; {_STOP}"
    if writing and ("readonly" in words or "read-only" in words):
        return "the file cannot be written; check its rights"
    return ""


def _unknown(what: Said) -> str:
    # The words may repeat values of the statement, so state and number alone are shown.
    number = f", error {what.numbers[0]}" if what.numbers and what.numbers[0] else ""
    return f"SQLSTATE {what.state}{number}" if what.state else "no state"
