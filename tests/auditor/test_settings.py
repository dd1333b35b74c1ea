"""
The configuration file: what is read, what is refused, and how it is told.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError

from auditor.settings import Settings, load
from auditor.state_folder import StateFolder
from migrator.errors import UsageError
from migrator.toml_file import errors_of

EXAMPLE = Path(__file__).parents[2] / "config" / "auditor.example.toml"
SERVER = """\
[servers.prod]
database = "sqlite:///octopus.sqlite"
master_key = "env:KEY"

[servers.prod.export]
password = "env:PASSWORD"

[servers.prod.repository]
path = "prod.git"
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "auditor.toml"
    path.write_text(text, encoding="utf-8")
    return path


def read(tmp_path: Path, text: str) -> Settings:
    return load(written(tmp_path, text))


def refused(tmp_path: Path, text: str) -> list[str]:
    """
    Return the lines in which a configuration is refused, the first one (how many there are) left out.
    """
    with pytest.raises(UsageError) as caught:
        read(tmp_path, text)
    first, *lines = str(caught.value).splitlines()
    assert str(tmp_path / "auditor.toml") in first
    return [line.strip() for line in lines]


def models_of(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models_of(part)


def every_field(model: type[BaseModel], inside: str = "") -> Iterator[str]:
    """
    Yield the dotted name of each option; a server's own name is ``*``.
    """
    for name, field in model.model_fields.items():
        below = list(models_of(field.annotation))
        place = f"{inside}{name}."
        for inner in below:
            yield from every_field(inner, f"{place}*." if name == "servers" else place)
        if not below:
            yield place.rstrip(".")


def every_key(table: dict[str, Any], inside: str = "") -> Iterator[str]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from every_key(value, f"{inside}{'*' if inside == 'servers.' else name}.")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            yield from (key for item in value for key in every_key(item, f"{inside}{name}."))
        else:
            yield f"{inside}{name}"


def test_the_example_has_every_option_and_loads() -> None:
    """config/auditor.example.toml is valid as it stands and names each option that there is, and no other."""
    keys = set(every_key(tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))))
    shown = {key for key in keys if not key.startswith("defaults.")}

    assert shown == set(every_field(Settings))
    assert len(shown) > 50
    assert set(load(EXAMPLE).servers) == {"prod", "lab"}


def test_the_smallest_server_gets_the_documented_defaults(tmp_path: Path) -> None:
    """Beside database, secrets and repository nothing is needed; a server without REST opens no window."""
    server = read(tmp_path, SERVER).servers["prod"]

    assert (server.repository.branch, server.export.noise, server.export.secrets) == ("main", "normal", "encrypt")
    assert (server.schedule.cron, server.schedule.timezone) == ("*/15 * * * *", "UTC")
    assert server.export.inline_scripts == "ExtractToFiles"
    assert not server.opens_window


DEFAULTS: dict[str, Any] = {
    "run_limit": 3600,
    "limits": {
        "connect": 15,
        "lock": 30,
        "statement": 600,
        "largest_document": 256,
        "largest_unpacked": 256,
        "deepest": 200,
    },
    "export": {
        "noise": "normal",
        "secrets": "encrypt",
        "plaintext": "seal",
        "inline_scripts": "ExtractToFiles",
        "shrink_limit": 0.3,
        "projects": (),
        "project_groups": (),
        "spaces": (),
        "leave_out": (),
        "exclude_tables": (),
        "volatile": (),
        "table_rows": 100_000,
    },
    "maintenance": {
        "mode": "always",
        "limit": 600,
        "drain": 0,
        "drain_then": "go-on",
        "request_timeout": 20,
        "release_limit": 600,
        "full_run_every": 86400,
    },
    "repository": {
        "path": "prod.git",
        "branch": "main",
        "committer": "Octopus Auditor <octopus-auditor@localhost>",
        "push_timeout": 120,
        "maintenance_every": 86400,
    },
    "schedule": {"timezone": "UTC", "cron": "*/15 * * * *", "jitter": 0, "catch_up": True},
    "notify": {"values": False, "timeout": 10},
}


def without_nothing(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: without_nothing(value) if isinstance(value, dict) else value
        for name, value in values.items()
        if value is not None
    }


def test_what_is_left_out_has_these_values(tmp_path: Path) -> None:
    """A limit or a mode that nobody wrote down is the same in every version: it decides how a server is treated."""
    settings = read(tmp_path, SERVER)
    server = without_nothing(settings.servers["prod"].model_dump(exclude={"database", "master_key"}))
    del server["export"]["password"]

    assert server == DEFAULTS
    assert without_nothing(settings.daemon.model_dump()) == {
        "concurrent_runs": 4,
        "log_level": "info",
        "ready_age": 86400,
    }
    channels = """
[servers.prod.notify.email]
host = "mail"
sender = "a@b"
recipients = ["c@d"]
[servers.prod.notify.command]
argv = ["x"]
[metrics]
listen = "127.0.0.1:9000"
"""
    settings = read(tmp_path, SERVER + channels)
    notify = settings.servers["prod"].notify
    assert notify.email is not None and notify.command is not None and settings.metrics is not None
    assert (notify.email.port, notify.email.starttls, notify.command.timeout) == (587, True, 30)
    assert settings.metrics.heartbeat_seconds == 900


@pytest.mark.parametrize(
    ("key", "least", "most", "less", "more"),
    [
        ("run_limit", 0.001, 86400, 0, 86400.5),
        ("limits.connect", 1, 3600, 0.9, 3600.5),
        ("limits.lock", 0.1, 86400, 0.09, 86400.5),
        ("limits.statement", 1, 86400, 0.9, 86400.5),
        ("export.shrink_limit", 0.001, 1, 0, 1.5),
        ("maintenance.limit", 0.001, 86400, 0, 86400.5),
        ("maintenance.drain", 0, 86400, -0.5, 86400.5),
        ("repository.push_timeout", 0.001, 86400, 0, 86400.5),
        ("schedule.jitter", 0, 3600, -0.5, 3600.5),
        ("notify.timeout", 0.001, 120, 0, 120.5),
        ("notify.command.timeout", 0.001, 3600, 0, 3600.5),
        ("notify.email.port", 1, 65535, 0, 65536),
        ("daemon.concurrent_runs", 1, 64, 0, 65),
    ],
)
def test_a_number_has_bounds(key: str, least: float, most: float, less: float, more: float, tmp_path: Path) -> None:
    """The least and the most that a number may be are taken, and what lies beyond is refused with its place."""
    needed = {
        "notify.command.timeout": 'notify.command.argv = ["x"]',
        "notify.email.port": 'notify.email = {host = "m", sender = "a@b", recipients = ["c@d"], port = %s}',
    }.get(key, "")

    def text(value: float) -> str:
        if "%s" in needed:
            return SERVER.replace("[servers.prod]", f"[servers.prod]\n{needed % value}", 1)
        if key.startswith("daemon."):
            return f"{key} = {value}\n{SERVER}"
        table, _, name = key.rpartition(".")
        inside = f"[servers.prod.{table}]" if table else "[servers.prod]"
        own = f"{name} = {value}"
        if inside in SERVER:
            return SERVER.replace(inside, f"{inside}\n{own}", 1)
        first = SERVER.replace("[servers.prod]", f"[servers.prod]\n{needed}", 1) if needed else SERVER
        return first.replace("[servers.prod]", f"[servers.prod]\n{key} = {value}", 1)

    for value in (least, most):
        read(tmp_path, text(value))
    for value in (less, more):
        (line,) = refused(tmp_path, text(value))
        assert key in line


def test_all_errors_are_told_at_once_with_line_and_place(tmp_path: Path) -> None:
    """Five mistakes give five lines, each with the line of the file and the dotted name of the place."""
    text = SERVER.replace('path = "prod.git"', 'path = 7\nbranch = "-x"') + (
        '\n[servers.prod.schedule]\ncron = "61 * * * *"\n\n[servers.prod.maintenance]\nmode = "sometimes"\nlimit = -1\n'
    )
    numbers = {line.partition(" =")[0]: number for number, line in enumerate(text.splitlines(), 1)}

    lines = refused(tmp_path, text)

    assert len(lines) == 5
    for place in ("repository.path", "repository.branch", "maintenance.mode", "maintenance.limit"):
        expected = f"line {numbers[place.rpartition('.')[2]]}, servers.prod.{place}: "
        assert any(line.startswith(expected) for line in lines), place
    assert any("servers.prod.schedule" in line and "61" in line for line in lines)


@pytest.mark.parametrize(
    ("change", "place", "near"),
    [
        (("master_key", "masterkey"), "servers.prod.masterkey", "master_key"),
        (('path = "prod.git"', 'path = "prod.git"\nremotes = "x"'), "servers.prod.repository.remotes", "remote"),
        (("[servers.prod.export]", "[servers.prod.exports]"), "servers.prod.exports", "export"),
        (("[servers.prod]", "[deamon]\n[servers.prod]"), "deamon", "daemon"),
        (("[servers.prod]", "[defaults.exprot]\n[servers.prod]"), "defaults.exprot", "export"),
        (("[servers.prod]", "[defaults.export]\nnoice = 1\n[servers.prod]"), "defaults.export.noice", "noise"),
        (("[servers.prod.export]", "[servers.prod.notify.slak]\n[servers.prod.export]"), "notify.slak", "slack"),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(
    change: tuple[str, str], place: str, near: str, tmp_path: Path
) -> None:
    """A misspelled key or table is an error with its line, and the key that was probably meant."""
    lines = refused(tmp_path, SERVER.replace(*change, 1))

    told = [line for line in lines if f"{place}: unknown key" in line]
    assert told and f"did you mean {near}?" in told[0]
    assert told[0].startswith("line ")


@pytest.mark.parametrize("kind", ["hunter2-Q9", "b64:hunter2-Q9", "env:", "hunter2-Q9:x"])
@pytest.mark.parametrize(
    "table",
    ['master_key = "{}"', 'api_key = "{}"', '[servers.prod.notify.slack]\nurl = "{}"'],
    ids=["key", "api", "hook"],
)
def test_a_literal_secret_is_refused_and_never_repeated(kind: str, table: str, tmp_path: Path) -> None:
    """Where a reference belongs, anything else is refused with the ways to write one, and is not shown."""
    text = SERVER.replace('master_key = "env:KEY"', "") + "\n"
    head, _, tail = text.partition("[servers.prod.export]")
    key = table.format(kind)
    own = key if key.startswith("[") else ""
    config = head + ("" if own else key) + "\n[servers.prod.export]" + tail + own

    lines = refused(tmp_path, config)

    assert any("env:NAME, file:PATH, systemd:NAME or command:CMD" in line for line in lines)
    assert "hunter2" not in "\n".join(lines)


def test_defaults_fill_what_a_server_leaves_out(tmp_path: Path) -> None:
    """A server's own key goes first, the defaults' next, key by key and table by table, also in tables of tables."""
    defaults = """\
[defaults.repository]
branch = "history"
committer = "Ops <ops@example.com>"
[defaults.schedule]
cron = "0 3 * * *"
[defaults.notify.slack]
url = "env:SLACK"
"""
    other = SERVER.replace("prod", "test") + 'branch = "own"\n[servers.test.notify]\ntimeout = 3\n'

    servers = read(tmp_path, defaults + SERVER + other).servers

    assert [servers[name].repository.branch for name in ("prod", "test")] == ["history", "own"]
    assert {item.repository.committer for item in servers.values()} == {"Ops <ops@example.com>"}
    assert {item.schedule.cron for item in servers.values()} == {"0 3 * * *"}
    assert servers["test"].notify.timeout == 3
    assert all(item.notify.slack is not None for item in servers.values())


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (
            '[servers.prod.schedule]\ntimezone = "Europe/Atlantis"',
            "no time zone 'Europe/Atlantis'; did you mean Europe/Athens?",
        ),
        ('[servers.prod.schedule]\ntimezone = "../../etc/passwd"', "there is no time zone"),
        ('[servers.prod.schedule]\ncron = "* * * *"', "servers.prod.schedule.cron: "),
        ('[servers.prod.schedule]\ncron = "0 0 30 2 *"', "servers.prod.schedule.cron: "),
        ('[servers.prod.export]\ninline_scripts = "Elsewhere"', "inline_scripts"),
        ("[servers.prod.export]\nshrink_limit = 0", "shrink_limit"),
        ('[servers.prod.repository]\ncommitter = "Somebody"', "Name <mail@example.com>"),
    ],
)
def test_a_value_that_cannot_be_is_refused(table: str, told: str, tmp_path: Path) -> None:
    """Zones, cron expressions, modes, shares, committers: checked when the file is read, not when it is used."""
    header, _, rest = table.partition("\n")
    text = SERVER.replace(header, f"{header}\n{rest}") if header in SERVER else f"{SERVER}\n{table}\n"

    assert any(told in line for line in refused(tmp_path, text))


@pytest.mark.parametrize(
    "remote",
    [
        "ext::sh -c id",
        "http://git.example.com/x.git",
        "git://git.example.com/x.git",
        "--upload-pack=id",
        "https://bob:hunter2@git.example.com/x.git",
    ],
)
def test_a_remote_that_runs_programs_or_shows_secrets_is_refused(remote: str, tmp_path: Path) -> None:
    """No transport that is unencrypted or runs a command, no option of git, no password in the address."""
    lines = refused(tmp_path, SERVER + f'remote = "{remote}"\n')

    assert len(lines) == 1 and "servers.prod.repository.remote" in lines[0]
    assert "hunter2" not in lines[0]


@pytest.mark.parametrize(
    "remote",
    [
        "git@git.example.com:ops/x.git",
        "https://git.example.com/x.git",
        "https://bot@git.example.com/x.git",
        "ssh://git@git.example.com:2222/x.git",
        "file:///srv/x.git",
        "/srv/x.git",
    ],
)
def test_the_usual_remotes_are_taken(remote: str, tmp_path: Path) -> None:
    """All forms that the documentation names are taken as they are written."""
    assert read(tmp_path, SERVER + f'remote = "{remote}"\n').servers["prod"].repository.remote == remote


@pytest.mark.parametrize(
    ("first", "second", "wrong"),
    [
        ('path = "prod.git"', 'path = "prod.git"', "servers.test.repository.path: is the repository of prod too"),
        ('path = "prod.git"', 'path = "x/../prod.git/"', "servers.test.repository.path: is the repository of prod too"),
        ('path = "prod.git"', 'path = "link.git"', "servers.test.repository.path: is the repository of prod too"),
        (
            'path = "prod.git"\nremote = "https://h/r.git"',
            'path = "t.git"\nremote = "https://h/r/"',
            "servers.test.repository.remote: prod pushes to this remote's branch main too",
        ),
    ],
)
def test_two_servers_with_one_history_are_refused(
    first: str, second: str, wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each would undo what the other wrote: one path by whatever name, or one branch of one remote."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link.git").symlink_to("prod.git")
    prod = SERVER.replace('path = "prod.git"', first)
    test = SERVER.replace("prod]", "test]").replace("prod.", "test.", 2).replace('path = "prod.git"', second)

    lines = refused(tmp_path, prod + test)

    assert len(lines) == 1
    assert wrong in lines[0]


def test_two_servers_may_share_a_remote(tmp_path: Path) -> None:
    """One remote has room for several servers, each on a branch of its own."""
    prod = SERVER + 'remote = "https://h/r.git"\n'
    test = SERVER.replace("prod", "test") + 'remote = "https://h/r.git"\nbranch = "test"\n'

    assert set(read(tmp_path, prod + test).servers) == {"prod", "test"}


@pytest.mark.parametrize(
    ("left_out", "told"),
    [
        ('master_key = "env:KEY"', "master_key is missing"),
        ('password = "env:PASSWORD"', "export.password is missing"),
        ('path = "prod.git"', "repository.path: is missing"),
        ('database = "sqlite:///octopus.sqlite"', "database: is missing"),
    ],
)
def test_what_belongs_together_is_asked_for(left_out: str, told: str, tmp_path: Path) -> None:
    """A missing key is named, with what to write or to switch off where that is another way."""
    assert any(told in line for line in refused(tmp_path, SERVER.replace(left_out, "")))


def test_a_url_needs_a_key_unless_no_window_is_wanted(tmp_path: Path) -> None:
    """Maintenance mode cannot be switched without an API key; with mode never, none is needed."""
    text = SERVER.replace("[servers.prod.export]", 'url = "https://octopus.example.com"\n[servers.prod.export]')

    assert any("api_key is missing" in line for line in refused(tmp_path, text))
    assert not read(tmp_path, text + '[servers.prod.maintenance]\nmode = "never"\n').servers["prod"].opens_window


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("sqlite:///octopus.sqlite", "mssql+pyodbc://sa:hunter2@sql/O"), "servers.prod.database: the address holds a"),
        (("sqlite:///octopus.sqlite", "Server=sql;UID=sa;PWD=hunter2"), "servers.prod.database: the address holds a"),
        (("sqlite:///octopus.sqlite", "env:"), "servers.prod.database: a secret is given by reference"),
    ],
)
def test_a_password_in_an_address_is_a_literal_secret(change: tuple[str, str], told: str, tmp_path: Path) -> None:
    """A database's address with a password in it is refused as any secret is, with the ways to write it instead."""
    (line,) = refused(tmp_path, SERVER.replace(*change))

    assert told in line
    assert "file:PATH" in line
    assert "hunter2" not in line


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ('url = "octopus.example.com"', "servers.prod.url: a web address begins with https://"),
        ('url = "https://"', "servers.prod.url: a web address begins with https://"),
        ('url = "https://octopus example.com"', "servers.prod.url: a web address has no blanks"),
        ('url = "https://me:hunter2@octopus.example.com"', "servers.prod.url: a web address must not hold a password"),
        ('[servers."my prod"]', "only, 64 at most, since files are called by it: my-prod"),
        ('[servers.""]', "only, 64 at most, since files are called by it: prod"),
        ('[defaults.repository]\nbranch = "-x"', "defaults.repository.branch: a branch's name begins with a"),
        ('[servers.prod.notify.ping]\nurl = "https://me:hunter2@ping.example.com"', "the URL holds a password"),
    ],
)
def test_a_value_of_the_wrong_form_is_told_in_words(change: str, told: str, tmp_path: Path) -> None:
    """An address without a scheme or a name with a blank are told as a person would say it, with how to write it."""
    text = SERVER.replace("[servers.prod.export]", f'api_key = "env:KEY"\n{change}\n[servers.prod.export]', 1)

    lines = refused(tmp_path, text)

    assert any(told in line for line in lines), lines
    assert "hunter2" not in "\n".join(lines)


def every_place(model: type[BaseModel]) -> Iterator[tuple[str, ...]]:
    return (tuple("prod" if part == "*" else part for part in name.split(".")) for name in every_field(model))


@pytest.mark.parametrize("wrong", [["hunter2"], {"hunter2": 1}, "hunter2", 5.5, -1, "", []], ids=str)
def test_no_message_is_the_librarys_or_repeats_a_secret(wrong: Any) -> None:
    """Whatever stands in the place of whatever option is told in our own words, and what may be secret is not shown."""
    values: dict[str, Any] = {}
    for *tables, key in every_place(Settings):
        table = values
        for name in tables:
            table = table.setdefault(name, {})
        table[key] = wrong

    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(values)
    told = errors_of(caught.value, Settings)

    assert len(told) > 10
    assert [words for _, words in told if "nput" in words or "pattern" in words or "should" in words] == []
    assert {place[-1] for place, words in told if "hunter2" in words} <= {"cron", "timezone", "listen", "leave_out"}


def test_a_wrong_default_is_told_where_it_was_written(tmp_path: Path) -> None:
    """What all servers got from the defaults is one error, with the line and the name it has there."""
    defaults = '[defaults.export]\nnoise = "hunter2"\n[defaults.notify.slak]\n[defaults.schedule]\ncron = "x"\n'
    lines = refused(
        tmp_path, defaults + SERVER + SERVER.replace("prod", "test") + "[servers.test.schedule]\njitter = -1\n"
    )

    assert [line.partition(": ")[0] for line in lines] == [
        "line 2, defaults.export.noise",
        "line 3, defaults.notify.slak",
        "line 5, defaults.schedule.cron",
        "line 25, servers.test.schedule.jitter",
    ]
    assert refused(tmp_path, "defaults = 5\n" + SERVER)[0] == "line 1, defaults: must be a table"
    assert any(
        "defaults.export: must be a table" in line for line in refused(tmp_path, "defaults.export = 5\n" + SERVER)
    )


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    """Missing file, wrong syntax, wrong encoding, no server at all: each is told with the file's name."""
    with pytest.raises(UsageError, match=r"missing\.toml cannot be read: No such file"):
        load(tmp_path / "missing.toml")
    with pytest.raises(UsageError, match=r"auditor\.toml is not TOML: .*line 1"):
        read(tmp_path, "[servers.prod\n")
    (tmp_path / "latin.toml").write_bytes(b"# \xe4\n")
    with pytest.raises(UsageError, match="is not UTF-8: look at line 1"):
        load(tmp_path / "latin.toml")
    assert refused(tmp_path, "[daemon]\n")


def test_servers_are_chosen_by_name(tmp_path: Path) -> None:
    """Without a name all are meant; a name that there is not is told with the nearest, or with all of them."""
    settings = read(tmp_path, SERVER + SERVER.replace("prod", "test"))

    assert list(settings.chosen(None)) == ["prod", "test"]
    assert settings.chosen("test") == {"test": settings.servers["test"]}
    with pytest.raises(UsageError, match=r"no server prdo; did you mean prod\?"):
        settings.chosen("prdo")
    with pytest.raises(UsageError, match=r"no server x; it has prod, test"):
        settings.chosen("x")


def test_each_server_has_a_folder_of_its_own(tmp_path: Path) -> None:
    """State lies beside the repository, or in a folder for each server below the one that is set."""
    text = SERVER + SERVER.replace("prod", "test")

    beside, below = read(tmp_path, text), read(tmp_path, '[daemon]\nstate_directory = "/var/s"\n' + text)

    assert {beside.state_folder(name) for name in beside.servers} == {
        StateFolder(Path("prod.git.state")),
        StateFolder(Path("test.git.state")),
    }
    assert {below.state_folder(name) for name in below.servers} == {
        StateFolder(Path("/var/s/prod")),
        StateFolder(Path("/var/s/test")),
    }
