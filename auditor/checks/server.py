"""
Checks of the server's REST interface: reachable, the same server as the database, allowed to switch, and its state.
"""

from __future__ import annotations

from collections.abc import Iterator

from auditor.checks.check import Finding, Subject, clock_finding, failed, passed, warned
from auditor.window.journal import Journal
from auditor.window.octopus_api import ApiOptions, OctopusApi
from auditor.wiring import api_options
from migrator.credentials import Secret


def server(subject: Subject) -> Iterator[Finding]:
    """
    Does the server answer, and may the key do what a window needs?
    """
    settings = subject.settings
    if settings.url is None:
        if settings.maintenance.mode != "never":
            yield warned(
                "REST",
                "there is no url, so runs open no maintenance window",
                'give url and api_key, or say maintenance.mode = "never"',
            )
        return
    if settings.maintenance.mode == "never":
        yield passed("REST", 'it is not asked, since maintenance.mode is "never"')
        return
    # Tried again without a pause, since a person waits.
    with OctopusApi(_options(subject), lambda seconds: None) as api:
        version = api.version()
        yield passed("REST", f"{settings.url} answers")
        yield _same_version(version, subject.shared.get("version", ""))
        if api.answered_at is not None:
            yield clock_finding("server clock", "the server's clock", api.answered_at, subject.now())
        if settings.api_key is None:
            return
        yield _permission(api.may_administer())
        yield _maintenance(subject, api.in_maintenance())


def _options(subject: Subject) -> ApiOptions:
    settings = subject.settings
    if settings.api_key is not None:
        return api_options(settings)
    assert settings.url is not None
    # The version is told without a key.
    return ApiOptions(settings.url, Secret(""), settings.maintenance.request_timeout, settings.ca_file)


def _same_version(rest: str, database: str) -> Finding:
    # What stands behind a + is of the build, and only one of the two may have it.
    if not database or rest.partition("+")[0] == database.partition("+")[0]:
        return passed("REST version", f"Octopus {rest}")
    return failed(
        "REST version",
        f"the address is of Octopus {rest}, but the database was written by {database}",
        "check that url and database are of the same server, and that an upgrade was finished",
    )


def _permission(granted: bool | None) -> Finding:
    if granted is None:
        return warned(
            "permission",
            "the server does not say what the API key's user may do",
            "make sure that the user has the permission AdministerSystem",
        )
    if granted:
        return passed("permission", "the API key's user has AdministerSystem")
    return failed(
        "permission",
        "the API key's user lacks AdministerSystem, so it cannot switch maintenance mode",
        "give the user a role with AdministerSystem, in a team of its own",
    )


def _maintenance(subject: Subject, on: bool) -> Finding:
    left = Journal(subject.folder.journal).read()
    if left is not None:
        return warned(
            "maintenance mode",
            f"a run opened a window at {left.opened or 'an unknown time'} (pid {left.pid}) and has not closed it",
            "if that process is gone: auditor release",
        )
    if on:
        return warned(
            "maintenance mode",
            "it is on now; runs leave it on, since somebody else switched it on",
            "switch it off on the server if nobody needs it",
        )
    return passed("maintenance mode", "it is off, and no window was left open")
