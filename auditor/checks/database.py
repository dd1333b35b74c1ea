"""
Checks of the database: driver, login and rights, isolation, version, master key, clock.
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.checks.check import Finding, Subject, clock_finding, failed, passed, warned
from auditor.wiring import database_address, export_options
from migrator.errors import SecretError
from migrator.export.read import Server, look_at, reader_of
from migrator.maps import REGISTRY
from migrator.maps.document_map import UNMAPPED, Kind
from migrator.maps.system import CORE_TABLES, EVENTS, INSTALLATIONS
from migrator.sql.address import parse_address
from migrator.sql.drivers import DRIVER_HELP, choose, odbc_drivers
from migrator.sql.engine import open_engine
from migrator.sql.rights import Isolation, Rights, database_time, read_isolation, read_rights
from migrator.sql.server_facts import read_facts
from migrator.sql.tables import full_name

_SHOWN = 8
# History is not read, save for the number of the newest event and the installed version.
NEEDED = frozenset(item.table for item in REGISTRY.maps if item.kind is not Kind.HISTORY) | {
    EVENTS,
    INSTALLATIONS,
}


def driver(subject: Subject) -> Iterator[Finding]:
    """
    Is the ODBC driver that the address names installed?
    """
    url = parse_address(database_address(subject.settings))
    if url.get_backend_name() == "sqlite":
        yield passed("driver", "SQLite, which needs none")
        return
    present, used = odbc_drivers(), choose(url)
    if present is None:
        yield failed("driver", "the ODBC driver manager is missing", DRIVER_HELP)
    elif used is None:
        yield failed("driver", "no ODBC driver is installed", DRIVER_HELP)
    elif used.is_missing(present):
        others = f"there are: {', '.join(present)}" if present else DRIVER_HELP
        yield failed("driver", f"the ODBC driver {used.name!r} is not installed", others)
    else:
        yield passed("driver", f"ODBC: {used}")


def database(subject: Subject) -> Iterator[Finding]:
    """
    Can the database be read, by whom, in one state, and does the master key open it?
    """
    address = database_address(subject.settings)
    # First: where a right is missing, what follows fails in words that do not say so.
    if parse_address(address).get_backend_name() != "sqlite":
        yield from _rights_of(subject, address)
    server = look_at(address, limits=subject.settings.limits.limits, rules=subject.settings.export.rules)
    try:
        yield passed("database", f"{len(server.schema.tables)} tables of documents can be read")
        yield from (warned("database", text, "an export goes on without it") for text in server.schema.warnings)
        yield from _tables(server)
        yield from _isolation(server)
        yield from _facts(subject, server)
        theirs = database_time(server.engine)
        if theirs is not None:
            yield clock_finding("database clock", "the database's clock", theirs, subject.now())
    finally:
        server.close()


def _tables(server: Server) -> Iterator[Finding]:
    """
    Yield which tables are exported as they are, which cannot be read, and how many are left out.
    """
    schema = server.schema
    for item in schema.unmapped:
        yield warned(
            "tables",
            f"nobody has facts about the table {full_name(item)}; its rows go below {UNMAPPED}/{item.map.type} as they "
            "are, and an import leaves them out",
            "look at it: what people decide is good to have; what the server rewrites by itself goes into "
            "export.exclude_tables, or its places into export.volatile",
        )
    for name, reason in schema.unreadable.items():
        yield warned("tables", f"the table {name} cannot be read", reason.partition("; ")[2])
    if schema.excluded:
        yield passed("tables", f"{len(schema.excluded)} of the server's own bookkeeping are left out by name")


def _rights_of(subject: Subject, address: str) -> Iterator[Finding]:
    engine = open_engine(address, limits=subject.settings.limits.limits)
    try:
        yield from rights_findings(read_rights(engine, NEEDED))
    finally:
        engine.dispose()


def rights_findings(rights: Rights) -> Iterator[Finding]:
    """
    Yield what is to be said of a login's rights.
    """
    who = f"{rights.login} (user {rights.user} of {rights.database}, SQL Server {rights.version} {rights.edition})"
    yield passed("login", who)
    hidden = [name for name in CORE_TABLES if name in rights.invisible]
    if rights.unreadable or hidden:
        missing = [*hidden, *rights.unreadable]
        shown = ", ".join(missing[:_SHOWN]) + (f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else "")
        yield failed("rights", f"the login lacks SELECT on {shown}", f"let a database owner run: {rights.grant()}")
    else:
        yield passed("rights", f"SELECT on every table; on the database: {', '.join(rights.of_database) or 'none'}")
    if rights.sysadmin or rights.owner or rights.writable:
        what = "is sysadmin" if rights.sysadmin else "is db_owner" if rights.owner else "can write to the tables"
        yield warned(
            "rights", f"the login {what}, more than an audit needs", f"give it a login of its own: {rights.grant()}"
        )


def _isolation(server: Server) -> Iterator[Finding]:
    found = read_isolation(server.engine)
    yield from isolation_findings(found, server.engine.url.database or "Octopus")


def isolation_findings(found: Isolation, name: str) -> Iterator[Finding]:
    """
    Yield what the settings of a database guarantee to a run, and what is done where they do not.
    """
    if found.snapshot:
        yield passed("isolation", "snapshot isolation is on: a read sees one frozen state and waits for no writer")
        return
    state = "off" if found.snapshot is False else "being switched, and counts as off until that is done"
    committed = (
        "read committed snapshot is on, so each statement sees one state, but not all of them the same"
        if found.committed
        else "read committed snapshot is off too, so a read waits for writers, up to limits.lock"
    )
    yield warned(
        "isolation",
        f"snapshot isolation is {state}; {committed}. Tables are looked at before and after a read, which is repeated "
        "if one moved; what moves each time is named in the commit (Changed-During-Read)",
        f"ALTER DATABASE [{name.replace(']', ']]')}] SET ALLOW_SNAPSHOT_ISOLATION ON;",
    )


def _facts(subject: Subject, server: Server) -> Iterator[Finding]:
    with reader_of(server) as reader:
        facts = read_facts(reader)
    subject.shared["version"] = facts.version
    yield passed("version", f"Octopus {facts.version or 'of unknown version'}, identity {facts.name}")
    options = export_options(subject.settings, subject.folder)
    cipher = options.master_cipher()
    if cipher is None:
        yield passed("master key", "not needed, since secrets are left out")
        return
    try:
        facts.check_master_key(cipher)
    except SecretError as error:
        yield failed("master key", "the master key does not open this database", str(error).partition("; ")[2])
        return
    if facts.certificate is None:
        yield warned(
            "master key",
            "the database holds no certificate on which the key could be tried",
            "the first run tells: a secret that does not open is named",
        )
    else:
        yield passed("master key", "it opens the server's own certificate")
    yield passed("password", "the export password can be read")
