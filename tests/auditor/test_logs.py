"""
The log's three forms, and that secrets are masked in each.
"""

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from auditor.logs import MASK, configure, in_journal, redact, redact_text


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize("json_lines", [True, False])
def test_nothing_that_a_terminal_obeys(json_lines: bool) -> None:
    """Names in an event come from a database; line ends of a traceback stay."""
    stream = io.StringIO()
    configure(stream, json=json_lines, environ={})
    structlog.get_logger().info("run", name="\u202e\x9b31m\x1b[2J", names={"\x85": ["\ud800"]})
    assert stream.getvalue().replace("\n", "").isprintable()


def test_json_lines_where_there_is_no_terminal() -> None:
    """A program can read each line: event, level, time and fields."""
    stream = io.StringIO()
    configure(stream, environ={})

    structlog.get_logger().info("run", server="prod", documents=3)

    (line,) = stream.getvalue().splitlines()
    event = json.loads(line)
    assert event.pop("timestamp").endswith("Z")
    assert event == {"event": "run", "level": "info", "server": "prod", "documents": 3}


def test_pretty_on_a_terminal() -> None:
    """A person gets aligned words, not JSON."""
    stream = Terminal()
    configure(stream, environ={})

    structlog.get_logger().warning("run", server="prod")

    assert "server" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


def test_level_is_a_threshold() -> None:
    """What is below the level is not written; a level nobody knows is refused."""
    stream = io.StringIO()
    configure(stream, level="warning", environ={})

    structlog.get_logger().info("quiet")
    logging.getLogger("some.library").info("quiet")

    assert stream.getvalue() == ""
    with pytest.raises(ValueError, match="no log level"):
        configure(stream, level="loud", environ={})


def test_journal_gets_priorities_and_no_second_timestamp() -> None:
    """Each line begins with its priority, so that journalctl -p works; the journal has the time itself."""
    stream = io.StringIO()
    configure(stream, environ={"JOURNAL_STREAM": "8:1234"})
    log = structlog.get_logger()

    log.debug("d")
    log.info("i")
    log.warning("w")
    log.error("e\nsecond")
    log.critical("c")
    logging.getLogger("some.library").error("from a library")

    lines = stream.getvalue().splitlines()
    assert [line[:3] for line in lines] == ["<6>", "<4>", "<3>", "<2>", "<3>"]
    assert all("timestamp" not in json.loads(line[3:]) for line in lines)


def test_journal_prefix_is_on_each_line_of_a_traceback() -> None:
    """Pretty output of several lines keeps its priority on all of them."""
    stream = io.StringIO()
    configure(stream, json=False, environ={"JOURNAL_STREAM": "8:1234"})
    try:
        raise RuntimeError("boom")
    except RuntimeError:
        structlog.get_logger().exception("failed")

    lines = stream.getvalue().splitlines()
    assert len(lines) > 2
    assert all(line.startswith("<3>") for line in lines)


def test_journal_is_recognised_by_its_stream() -> None:
    """A child whose output was turned elsewhere inherits the variable, and does not write to the journal."""
    reading, writing = os.pipe()
    with os.fdopen(reading), os.fdopen(writing, "w") as stream:
        status = os.fstat(stream.fileno())
        assert in_journal(stream, {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
        assert not in_journal(stream, {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino + 1}"})
        assert not in_journal(stream, {})


def test_libraries_speak_the_same_form_and_the_chatty_ones_are_quiet() -> None:
    """The standard library's loggers write the same lines; httpx, which logs whole addresses, is not heard."""
    stream = io.StringIO()
    configure(stream, environ={})

    logging.getLogger("some.library").warning("cannot reach %s", "mssql://sa:hunter2@sql01/x")
    logging.getLogger("httpx").info("HTTP Request: POST https://hooks.example/SECRET")

    (line,) = stream.getvalue().splitlines()
    event = json.loads(line)
    assert event["event"] == f"cannot reach mssql://sa:{MASK}@sql01/x"
    assert event["logger"] == "some.library"


def test_configuring_twice_does_not_double_lines() -> None:
    """A reload sets logging up again; each event is still one line."""
    stream = io.StringIO()
    configure(stream, environ={})
    configure(stream, environ={})

    logging.getLogger("some.library").warning("once")

    assert len(stream.getvalue().splitlines()) == 1


@pytest.mark.parametrize("form", [True, False])
def test_secrets_are_masked_in_fields_texts_and_tracebacks(form: bool) -> None:
    """A key named like a secret, at any depth, an address and an exception's text lose their secret."""
    stream = io.StringIO()
    configure(stream, json=form, environ={})
    log = structlog.get_logger()
    secret = "hunter2"

    log.info(
        f"connecting to mssql+pyodbc://sa:{secret}@sql01/Octopus",
        password=secret,
        settings={"server": {"api_key": secret, "deep": [{"MasterKey": secret}]}},
        connection=f"Server=sql01;UID=sa;PWD={secret}",
        text=f"Server=sql01;UID=sa;PWD={{{secret};x}};Encrypt=yes",
        dsn=secret.encode(),
    )
    try:
        raise RuntimeError(f"login failed for Driver=x;Password={secret};Server=y")
    except RuntimeError as error:
        log.exception("failed", error=error)

    assert secret not in stream.getvalue()
    assert "Encrypt=yes" in stream.getvalue()


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("https://user:pa:ss@host/x", "https://user:***@host/x"),
        ("https://host/x?a=1&token=abc&b=2", "https://host/x?a=1&token=***&b=2"),
        ("odbc_connect=Driver%3Dx%3BPWD%3Dabc%3BServer%3Dy", "odbc_connect=Driver%3Dx%3BPWD%3D***%3BServer%3Dy"),
        ("PWD={a;b}}c};Server=y", "PWD=***;Server=y"),
        ("odbc_connect=PWD%3D%7Ba%3Bb%7D%3BServer%3Dy", "odbc_connect=PWD%3D***%3BServer%3Dy"),
        ("Server=y;Password=a b&c;x=1", "Server=y;Password=***;x=1"),
        ("failed with password=abc, sorry", "failed with password=*** sorry"),
        ("API-KEY=abc", "API-KEY=***"),
        ("https://host/path:80@x no password here", "https://host/path:80@x no password here"),
        ("12:30 mail a@b.example", "12:30 mail a@b.example"),
    ],
)
def test_redacted_texts(text: str, masked: str) -> None:
    """Only the secret part of an address or a connection string is masked."""
    assert redact_text(text) == masked


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=20,
    ),
    st.sampled_from(["password", "API_KEY", "masterKey", "client_secret", "token", "connection_string", "dsn"]),
)
def test_redaction_keeps_shape_and_is_stable(value: object, key: str) -> None:
    """Redacting twice is redacting once, and a secret key never keeps its value."""
    once = redact({"value": value, key: "plain text"})

    assert once[key] == MASK
    assert redact(once) == once


def test_standard_error_is_the_default() -> None:
    """A program that only configures writes its log to standard error, never into its output."""
    code = "import structlog; from auditor.logs import configure; configure(); structlog.get_logger().info('hello')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == ""
    assert json.loads(done.stderr)["event"] == "hello"
