"""
Drivers' errors: each becomes one sentence by the server's number, and nothing that was sent shows anywhere.
"""

from __future__ import annotations

import logging
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import exc

from migrator.cli.main import main
from migrator.errors import DatabaseError
from migrator.exporter import export
from migrator.sql.address import parse_address
from migrator.sql.engine import open_engine
from migrator.sql.errors import MEANINGS, TryAgain, database_errors, said, write_errors
from migrator.sql.locks import application_lock
from migrator.sql.rights import read_rights
from tests.support import recording as dbapi
from tests.support.imports import Server, doc, tree
from tests.support.recording import ADDRESS, Recording, freetds, microsoft, recorded
from tests.support.servers import SampleServer

MARK = "hunter2-the-value"
Form = Callable[..., tuple[str, str]]


def failing(*arguments: Any, kind: type[Exception] = dbapi.DatabaseError, writing: bool = False) -> str:
    """
    Return what is said of a driver's error.
    """
    remote: Any = SimpleNamespace(url=parse_address("mssql+pyodbc://sa:hunter2@sql01/Octopus"))
    wrapper = exc.IntegrityError if kind is dbapi.IntegrityError else exc.DBAPIError
    with pytest.raises(DatabaseError) as error, write_errors(remote) if writing else database_errors(remote):
        raise wrapper("SELECT hunter2", {"x": "hunter2"}, kind(*arguments))
    assert "hunter2" not in str(error.value)
    assert str(error.value).count("\n") == 0
    return str(error.value)


@pytest.mark.parametrize("form", [microsoft, freetds])
@pytest.mark.parametrize(
    ("state", "number", "words", "says"),
    [
        ("42000", 1222, "Lock request time out period exceeded.", "limits.lock"),
        ("42000", 9002, "The transaction log for database 'Octopus' is full.", "back the log up"),
        ("42000", 3952, "Snapshot isolation transaction failed accessing database", "ALLOW_SNAPSHOT_ISOLATION"),
        ("42000", 4060, 'Cannot open database "Octopus" requested by the login.', "CREATE USER"),
        ("28000", 18456, "Login failed for user 'sa'.", "CREATE LOGIN"),
        ("42000", 229, "The SELECT permission was denied on the object 'Project', schema 'dbo'.", "on Project; grant"),
        ("42000", 229, "SELECT-Berechtigung für das Objekt „Project“ verweigert.", "CREATE LOGIN"),
        ("40001", 1205, "Transaction (Process ID 52) was deadlocked on lock resources", "deadlock's victim"),
        ("42000", 3960, "Snapshot isolation transaction aborted due to update conflict.", "changed the same row"),
        ("42000", 3961, "Snapshot isolation transaction failed in database 'O' because the object", "structure"),
        ("42S02", 208, "Invalid object name 'dbo.Lifecycle'.", "dbo.Lifecycle"),
        ("42S22", 207, "Invalid column name 'Slug'.", "Slug"),
        ("42000", 3906, 'Failed to update database "O" because the database is read-only.', "READ_WRITE"),
        ("42000", 978, "The target database is accessible for read intent only.", "ApplicationIntent=ReadOnly"),
    ],
)
def test_each_number_has_a_sentence_with_what_to_do(form: Form, state: str, number: int, words: str, says: str) -> None:
    """
    The server's own number decides, in the form of either driver and in any of the server's languages.
    """
    assert says in failing(*form(state, number, words))


@pytest.mark.parametrize("form", [microsoft, freetds])
@pytest.mark.parametrize(
    ("number", "words", "name"),
    [
        (2627, "Violation of PRIMARY KEY constraint 'PK_Project'. Cannot insert into object 'dbo.P'. {}", "PK_Project"),
        (2627, "Verletzung der UNIQUE KEY-Einschränkung „UQ_Name“. Doppelter Schlüssel in 'dbo.P'. {}", "UQ_Name"),
        (2601, "Cannot insert duplicate key row in object 'dbo.P' with unique index 'IX_Slug'. {}", "IX_Slug"),
        (547, 'The INSERT statement conflicted with the FOREIGN KEY constraint "FK_Space". {}', "FK_Space"),
        (515, "Cannot insert the value NULL into column 'Slug', table 'O.dbo.P'. {}", "Slug"),
        (2628, "String would be truncated in table 'O.dbo.P', column 'Name'. Truncated value: '{}'.", "Name"),
    ],
)
def test_constraints_are_named_and_their_values_are_not(form: Form, number: int, words: str, name: str) -> None:
    """
    What was refused is named by its constraint, index or column; the key's value, which follows, is never shown.
    """
    value = "The duplicate key value is (hunter2 (1205) (SQLExecDirectW); [40001] 'x')."
    text = failing(*form("23000", number, words.format(value)), kind=dbapi.IntegrityError, writing=True)
    assert name in text
    assert "nothing was imported" in text


NUMBERS = {
    4060: "there is no database of this name",
    18456: "it refuses the login; check user and password",
    18452: "a domain it does not trust",
    40615: "firewall",
    40613: "not available at the moment",
    978: "ApplicationIntent=ReadOnly",
    976: "this replica cannot be read",
    1222: "limits.lock",
    1205: "deadlock's victim",
    3960: "another transaction changed the same row",
    3961: "its structure was changed during the read",
    3952: "ALLOW_SNAPSHOT_ISOLATION ON",
    9002: "its transaction log is full",
    1105: "its disk or filegroup is full",
    3906: "switch the database to READ_WRITE",
    596: "ended the session",
    229: "the login lacks a right",
    208: "the table is not there",
    207: "the column is not there any more",
    2627: "another row has the same key",
    2601: "another row has the same key",
    547: "a row refers to one that is not there",
    515: "the column may not be empty",
    2628: "a text is longer than its column allows",
    8152: "a text is longer than its column allows",
    3201: "the server's own account cannot open the file",
    3202: "the server could not write the backup",
    3241: "what is in that file is no backup",
    262: "db_backupoperator",
}
"""Numbers of the vendor's reference of Database Engine errors, and what is said of each where nothing is named."""


def test_all_numbers_are_known_here() -> None:
    """
    The table of meanings and this one hold the same numbers.
    """
    assert NUMBERS.keys() == MEANINGS.keys()


@pytest.mark.parametrize("number", NUMBERS)
def test_what_each_number_means(number: int) -> None:
    """
    The number alone decides, whatever state comes with it and whatever language the words are in.
    """
    constraint = number in (2627, 2601, 547, 515, 2628, 8152)
    kind, state = (dbapi.IntegrityError, "23000") if constraint else (dbapi.DatabaseError, "42000")
    assert NUMBERS[number] in failing(*microsoft(state, number, "mots"), kind=kind)
    refused = failing(*microsoft(state, number, "mots"), kind=kind, writing=True)
    assert NUMBERS[number] in refused and "nothing was imported" in refused
    assert ("refused a row" in refused) is constraint
    assert ("ended the import" in refused) is (number in (1205, 3960))
    assert ("an import needs SELECT, INSERT" in refused) is (number == 229)


def test_the_number_of_a_value_is_not_the_failure() -> None:
    """
    A refused row's value may look like any number; only those of constraints count then.
    """
    for number in MEANINGS:
        known = said(dbapi.Error(*microsoft("23000", number, "words"))).number
        assert known == (number if number in (2627, 2601, 547, 515, 2628, 8152) else 0)


def test_what_says_more_goes_first() -> None:
    """
    A database that does not exist comes with a failed login; the reason is the database, whichever is said first.
    """
    first, second = microsoft("42000", 4060, "Cannot open database.")[1], freetds("28000", 18456, "Login failed.")[1]
    for words in (f"{first}; {second}", f"{second}; {first}"):
        assert said(dbapi.Error("42000", words)).number == 4060


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("[01000] Can't open lib 'ODBC Driver 18 for SQL Server' : file not found", "msodbcsql18"),
        ("[28000] Login failed for user 'sa'. hunter2", "refuses the login"),
        ("[HYT00] Login timeout expired (0) (SQLDriverConnect)", "cannot be reached"),
        ("[HYT00] Query timeout expired (0) (SQLExecDirectW)", "limits.statement"),
        ("[08S01] Adaptive Server is unavailable (20009) (SQLDriverConnect)", "cannot be reached"),
        ("[42000] The SELECT permission was denied on the object 'Project'", "grant SELECT"),
        ("[40001] deadlock victim", "try again"),
        ("[HY008] Operation canceled", "cancelled"),
        ("[XX000] something new hunter2", "SQLSTATE XX000"),
        ("[42000] something new hunter2 (4711) (SQLExecDirectW)", "error 4711"),
    ],
)
def test_states_and_words_stand_in_for_a_number(words: str, says: str) -> None:
    """
    Without a number that is known the state decides, then the words; of what nobody knows only state and number show.
    """
    assert says in failing(words[1:6], words)


@pytest.mark.parametrize("number", [1205, 3960])
def test_an_import_is_run_again(number: int) -> None:
    """
    The server's preference for another transaction is a reason to try again, for an import only.
    """
    remote: Any = SimpleNamespace(url=parse_address("mssql+pyodbc://sa:hunter2@sql01/Octopus"))
    error = exc.DBAPIError("UPDATE", {}, dbapi.Error(*microsoft("40001", number, "words")))
    with pytest.raises(TryAgain), write_errors(remote):
        raise error


# --- Nothing that was sent shows ------------------------------------------------------------------------------------


def everything(error: BaseException) -> str:
    """
    Return all that an exception, and whatever it stands on, could ever show.
    """
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and one not in seen:
            seen.append(one)
            waiting += [one.__cause__, one.__context__, getattr(one, "orig", None)]
    texts = [f"{one} {one!r} {one.args} {vars(one)}" for one in seen]
    return "\n".join(
        [*texts, *traceback.format_exception(error), *(str(getattr(one, "__notes__", "")) for one in seen)]
    )


@pytest.fixture
def quiet(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """
    Insist that nothing of the value was printed, logged or warned of.
    """
    with warnings.catch_warnings(record=True) as warned, caplog.at_level(logging.DEBUG):
        yield
    shown, logged = capfd.readouterr(), [logging.Formatter().format(record) for record in caplog.get_records("call")]
    assert MARK not in "\n".join([shown.out, shown.err, *logged, *(str(item.message) for item in warned)])


def _export(address: str, server: SampleServer, target: Server, tmp_path: Path) -> None:
    export(address, tmp_path / "tree", server.options())


def _import(address: str, server: SampleServer, target: Server, tmp_path: Path) -> None:
    target.take(tree(doc("Lifecycle", "Lifecycles-1", Name=MARK, Description=MARK)))


def _lock(address: str, server: SampleServer, target: Server, tmp_path: Path) -> None:
    with application_lock(open_engine(address)):
        pass


def _rights(address: str, server: SampleServer, target: Server, tmp_path: Path) -> None:
    read_rights(open_engine(address), frozenset())


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("form", [microsoft, freetds])
@pytest.mark.parametrize("rollback", [False, True], ids=["", "rollback fails too"])
@pytest.mark.parametrize(
    ("run", "where"),
    [
        (_export, "connect"),
        (_export, "schema_name"),
        (_export, "ISOLATION LEVEL"),
        (_export, "sys.objects"),
        (_export, r"\[Installed\]"),
        (_export, r"FROM \[Project\]"),
        (_export, "fetch"),
        (_export, "UNION ALL"),
        (_export, "close"),
        (_import, r"WHERE \[Name\] IN"),
        (_import, "KeyAllocation"),
        (_import, r"INSERT INTO \[Lifecycle\]"),
        (_import, r"INSERT INTO \[Event\]"),
        (_import, "commit"),
        (_lock, "sp_getapplock"),
        (_rights, "HAS_PERMS_BY_NAME"),
    ],
)
def test_no_failure_shows_a_value(
    run: Callable[..., None],
    where: str,
    rollback: bool,
    form: Form,
    server: SampleServer,
    target: Server,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """
    Whichever call fails, and even if the rollback fails on top, neither what was sent nor what the driver says of it is
    in the error, in what it stands on, on stderr, in a log or in a warning.
    """
    recording = recorded(monkeypatch, target.path if run is _import else server.path)
    monkeypatch.setattr(Server, "address", ADDRESS)
    kind = dbapi.IntegrityError if "INSERT" in where else dbapi.OperationalError
    recording.fail(where, *form("42000", 4711, f"It was '{MARK}' that failed."), kind=kind)
    if rollback:
        recording.fail("rollback", *form("08S01", 0, f"Rolling {MARK} back failed."), kind=dbapi.OperationalError)
    try:
        run(ADDRESS, server, target, tmp_path)
    except DatabaseError as error:
        assert MARK not in everything(error)
    else:
        assert where == "close"


@pytest.mark.usefixtures("quiet")
def test_a_failure_that_hides_another_is_not_the_one_that_is_told(
    server: SampleServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """
    Where a lost rollback follows an error, the first is the reason, and the connection is closed for good.
    """
    recording = recorded(monkeypatch, server.path)

    def broken(sent: dbapi.Sent) -> Any:
        recording.fail("rollback", *microsoft("08S01", 0, MARK), kind=dbapi.OperationalError)
        raise dbapi.DatabaseError(*microsoft("42000", 1222, MARK))

    recording.answer(r"FROM \[Project\]", broken)
    with pytest.raises(DatabaseError, match=r"limits\.lock"):
        export(ADDRESS, tmp_path / "tree", server.options())
    assert recording.open == set()


def test_the_command_says_one_sentence(
    server: SampleServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """
    On the command line a failure is one line on stderr, debugging included.
    """
    monkeypatch.setenv("MIGRATOR_DEBUG", "1")
    recording: Recording = recorded(monkeypatch, server.path)
    recording.fail(r"FROM \[Project\]", *freetds("42000", 208, f"Invalid object name '{MARK[:7]}'."))
    words = ["export", "--database", ADDRESS, "--directory", str(tmp_path / "tree"), "--secrets", "omit", "--quiet"]
    assert main(words) == 1
    lines = [line for line in capfd.readouterr().err.splitlines() if not line.startswith("warning: the address")]
    assert len(lines) == 1 and lines[0].startswith("migrator: the database")
