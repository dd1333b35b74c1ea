"""
The attempts to switch maintenance mode back: how long they wait for each other, and when they end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from auditor.stop import Stop, Stopped, TooLong
from auditor.window.journal import Journal
from auditor.window.window import Window, WindowOptions, WindowStuck, maintenance_window, release, switch_back
from auditor.world import Tools
from migrator.errors import DatabaseError, OperatorError

OPTIONS = WindowOptions("prod", "https://octopus.example.com")


@dataclass
class Time(Stop):
    """
    A clock that only sleeping moves; it remembers the sleeps.
    """

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> bool:
        self.slept.append(seconds)
        self.now += seconds
        return self.event.is_set()


@dataclass
class Server:
    """
    A server that refuses some switches before it obeys; ``tasks`` says how many run at each look.
    """

    refusals: int = 0
    on: bool = False
    tasks: list[int] = field(default_factory=list)
    switched: list[bool] = field(default_factory=list)

    def in_maintenance(self) -> bool:
        return self.on

    def switch_maintenance(self, on: bool) -> None:
        self.switched.append(on)
        if not on and self.refusals:
            self.refusals -= 1
            raise OperatorError("the server says no")
        self.on = on

    def running_tasks(self) -> int:
        return self.tasks.pop(0) if len(self.tasks) > 1 else self.tasks[0]


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def tools(time: Time) -> Tools:
    return Tools(time, lambda: time.now)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "window.json")


def test_attempts_to_switch_back_come_at_growing_distances(time: Time, tools: Tools) -> None:
    """
    The first comes again after half a second, each pause is twice the one before, and none is longer than 30 seconds.
    """
    server = Server(refusals=9, on=True)
    with capture_logs() as logs:
        switch_back(server, OPTIONS, tools)
    assert not server.on
    assert time.slept == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    assert [line["log_level"] for line in logs] == ["critical"] * 9
    assert logs[0]["reason"] == "the server says no"


def test_attempts_to_switch_back_end_at_their_limit(time: Time, tools: Tools) -> None:
    """
    After the limit, ten minutes where nothing else is said, nobody waits longer; the error says what a person is to do.
    """
    server = Server(refusals=10**6, on=True)
    with capture_logs(), pytest.raises(WindowStuck, match=r"could not be switched off \(the server says no\)") as error:
        switch_back(server, OPTIONS, tools)
    assert 600 <= time.now - 1000 < 630
    assert "switch it off at https://octopus.example.com" in str(error.value)


def test_a_request_to_stop_leaves_one_more_attempt(time: Time, tools: Tools) -> None:
    """
    Who is told to stop before an attempt makes that one and no other.
    """
    server = Server(refusals=10**6, on=True)
    time.request()
    with capture_logs(), pytest.raises(WindowStuck):
        switch_back(server, OPTIONS, tools)
    assert (server.switched, time.slept) == ([False], [])


def test_a_window_waits_for_tasks(time: Time, tools: Tools, journal: Journal) -> None:
    """
    Reading begins when no task runs any more; the server is asked every second.
    """
    server = Server(tasks=[2, 1, 0])
    with maintenance_window(server, journal, WindowOptions("prod", "u", drain=60), tools) as window:
        assert (server.on, time.slept) == (True, [1.0, 1.0])
    assert (server.switched, window.seconds) == ([True, False], 2.0)
    assert not journal.path.exists()


@pytest.mark.parametrize(("drain", "limit", "waited"), [(5, 600, 5), (60, 3, 3), (0.5, 600, 0.5)])
def test_waiting_for_tasks_ends(
    drain: float, limit: float, waited: float, time: Time, tools: Tools, journal: Journal
) -> None:
    """
    It ends after its own limit or the window's, whichever is shorter; then rows are read with a warning.
    """
    options = WindowOptions("prod", "u", limit=limit, drain=drain)
    with capture_logs() as logs, maintenance_window(Server(tasks=[1]), journal, options, tools):
        assert time.now - 1000 == waited
    assert [(line["event"], line["tasks"]) for line in logs] == [("tasks-still-running", 1)]


def test_a_busy_server_may_be_left_alone(tools: Tools, journal: Journal) -> None:
    """
    Where that is asked for, tasks that do not end are a reason to read nothing; the server is as it was.
    """
    server, options = Server(tasks=[3]), WindowOptions("prod", "u", drain=2, give_up_if_busy=True)
    with capture_logs(), pytest.raises(TooLong, match="3 tasks were still running after 2 seconds"):  # noqa: SIM117
        with maintenance_window(server, journal, options, tools):
            raise AssertionError
    assert not server.on
    assert not journal.path.exists()


def test_what_was_on_stays_on(tools: Tools, journal: Journal) -> None:
    """
    A server that was in maintenance mode is not switched at all, and its tasks are nobody's business.
    """
    server = Server(on=True)
    options = WindowOptions("prod", "u", drain=2)
    with capture_logs() as logs, maintenance_window(server, journal, options, tools) as window:
        pass
    assert (server.switched, window.seconds) == ([], None)
    assert [line["event"] for line in logs] == ["maintenance-already-on"]


def test_a_read_that_was_broken_off_fails_for_the_reason_it_was(time: Time, tools: Tools, journal: Journal) -> None:
    """
    A driver's error after a request to stop is the stop, not the database's fault; any other error is itself.
    """
    for stopped, expected in ((True, Stopped), (False, DatabaseError)):
        server = Server()
        with pytest.raises(expected), maintenance_window(server, journal, OPTIONS, tools):
            if stopped:
                time.request()
            raise DatabaseError("the statement was cancelled")
        assert not server.on
        time.event.clear()


def test_an_expired_window_says_its_limit(tools: Tools, journal: Journal) -> None:
    """
    What reads in a window that was closed for its length is told so, with the setting to change.
    """
    window = Window(Server(), journal, WindowOptions("prod", "u", limit=90), tools)
    window.check()
    window.expire()
    with pytest.raises(TooLong, match=r"open for 90 seconds, .* Raise maintenance\.limit"):
        window.check()


def test_a_release_undoes_what_the_journal_remembers(tools: Tools, journal: Journal) -> None:
    """
    Without a journal there is nothing to do; a server that a person switched back is not switched again.
    """
    assert not release(Server(on=True), journal, OPTIONS, tools)
    for on, switched in ((True, [False]), (False, [])):
        Window(Server(), journal, OPTIONS, tools).open()
        server = Server(on=on)
        with capture_logs() as logs:
            assert release(server, journal, OPTIONS, tools)
        assert server.switched == switched
        assert logs[0]["event"] == "window-left-open"
        assert not journal.path.exists()
