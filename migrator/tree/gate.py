"""
What git is given beside its words: the environment and the configuration that count, for both programs.

A repository may have been made by anybody, so none of its settings starts a program. Of the operator's own
configuration counts what says how a remote is reached and logged in to. Not here: the calls, ``tree.git``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from migrator.credentials import secret_variables
from migrator.errors import OperatorError

REMOTES = "https:ssh:file"
"""The protocols of a command that talks to a remote; every other speaks none, not to fetch what is missing either."""
# How a remote is reached, where git's programs and the operator's configuration are, what a new repository is.
_KEPT = re.compile(
    r"GIT_(SSH|SSH_COMMAND|SSH_VARIANT|SSL_\w+|HTTP_\w+|EXEC_PATH|DEFAULT_HASH|CONFIG_GLOBAL|CONFIG_SYSTEM|CONFIG_NOSYSTEM)"
)
# Of the operator's configuration: how a remote is reached and logged in to, and whom else's repositories are trusted.
_COUNTS = re.compile(r"(credential|http)\..*|url\..*\.(insteadof|pushinsteadof)|ssh\.variant|safe\.directory", re.S)
_OPERATOR = ("system", "global")
# git-config(1). Settings of a repository by which git fetches what it misses, or starts a program of their choice.
_FOREIGN = re.compile(
    r"extensions\.partialclone|remote\..*\.(promisor|partialclonefilter|uploadpack|receivepack|vcs)", re.S
)
_OFF = (
    # githooks(5), and what else runs a program: none is of any use to reading objects and moving a branch.
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.attributesFile", "/dev/null"),
    ("core.alternateRefsCommand", ":"),
    # Who needs another sets GIT_SSH_COMMAND.
    ("core.sshCommand", "ssh -o BatchMode=yes"),
    ("core.pager", "cat"),
    ("core.editor", ":"),
    ("gpg.ssh.program", "ssh-keygen"),
    ("log.showSignature", "false"),
    ("push.gpgSign", "false"),
    ("push.followTags", "false"),
    ("push.recurseSubmodules", "no"),
    ("fetch.recurseSubmodules", "false"),
    # Of no value: whatever stood before counts no more. The operator's own follow.
    ("credential.helper", ""),
)
_SET = {
    # Failures are told by git's own words, so these come in English; and who only looks takes no lock from who works.
    "LC_ALL": "C",
    "LANGUAGE": "C",
    "GIT_OPTIONAL_LOCKS": "0",
    # Nothing ever prompts.
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_LAZY_FETCH": "1",
}
_READ = {"GIT_ALLOW_PROTOCOL": "none"}
_UNREAD = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_SYSTEM": "/dev/null", "GIT_CONFIG_GLOBAL": "/dev/null"}

LISTING = ("config", "--list", "-z", "--show-scope")
"""The command whose output ``Configuration.of`` reads; it starts nothing."""


class UnsafeRepository(OperatorError):
    """
    A repository that is not worked with: another user's, or one whose configuration would run a program or fetch.
    """


@dataclass(frozen=True)
class Configuration:
    """
    What of git's configuration counts: the operator's settings, in order, by which a remote is reached.
    """

    settings: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, listing: Iterable[bytes], place: object) -> Configuration:
        """
        Read the output of ``LISTING`` in a repository at *place*, cut at its zero bytes.

        Raises:
            UnsafeRepository: the repository's own part of it is none to be worked with.
        """
        pieces = [piece.decode("utf-8", "surrogateescape") for piece in listing]
        found = []
        for scope, setting in zip(pieces[::2], pieces[1::2], strict=False):
            key, has_value, value = setting.partition("\n")
            if scope in _OPERATOR:
                if _COUNTS.fullmatch(key):
                    # A key without a value means: true.
                    found.append((key, value if has_value else "true"))
            elif _FOREIGN.fullmatch(key):
                shown = key.encode("unicode_escape").decode()
                raise UnsafeRepository(
                    f"the configuration of the repository {place} has {shown}, by which git runs a program or fetches "
                    "from elsewhere; make a full clone of it by yourself and name that"
                )
        return cls(tuple(found))

    def environment(self, own: Mapping[str, str], *, remote: bool) -> dict[str, str]:
        """
        Return the variables for a command; *own* are the caller's, *remote*: it talks to another host.
        """
        settings = (*_OFF, *(item for item in self.settings if remote or item[0] == "safe.directory"))
        given = {
            **_SET,
            **_UNREAD,
            "GIT_ALLOW_PROTOCOL": REMOTES if remote else "none",
            # As variables and not as words, since another user sees those in the list of processes.
            "GIT_CONFIG_COUNT": str(len(settings)),
        }
        for index, (key, value) in enumerate(settings):
            given |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
        return {**given, **own}


def environment_to_list(own: Mapping[str, str]) -> dict[str, str]:
    """
    Return the variables for ``LISTING``, which alone sees the operator's configuration.
    """
    return {**_SET, **_READ, **own}


def taken_away(environ: Iterable[str], given: Mapping[str, str]) -> list[str]:
    """
    Return the variables that must not reach git: those of its own that mean anything else than how a remote is reached,
    and those with secrets. *given* is set for the command, and stays.
    """
    secrets = secret_variables()
    return sorted(
        name
        for name in environ
        if name not in given
        and (name in secrets or name == "SSH_ASKPASS" or (name.startswith("GIT_") and not _KEPT.fullmatch(name)))
    )
