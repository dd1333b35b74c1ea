"""
A plan on disk: its decisions, and seals of the tree and of the target's rows it was made for. Holds no secret.

A saved plan is not replayed: the plan is made again and must come out the same, or the import is refused.
"""

from __future__ import annotations

import hmac
import json
from typing import Any

from migrator.documents.canonical_json import decode, encode
from migrator.documents.document import Body
from migrator.errors import OperatorError
from migrator.plan.values import Decision, Plan
from migrator.secrets.ciphers import MasterKeyCipher
from migrator.secrets.sealing import MixedText, SecretText
from migrator.tree.values import Tree

FORMAT = "octopus-migrator plan"
VERSION = 2


def saved(plan: Plan, tree: Tree, master: MasterKeyCipher) -> bytes:
    """
    Return a plan as its file holds it.

    The tree's seal is keyed with the target's master key, so that it tells nobody else anything of the secrets.
    """
    value = {
        "Format": FORMAT,
        "FormatVersion": VERSION,
        "Overwrite": plan.overwrite,
        "Tree": tree_seal(tree, master),
        "Target": target_seal(plan, master),
        "Decisions": [_decision(plan, item) for item in plan.decisions],
        "Problems": [f"{item.file}: {item.message}" for item in (*plan.refusals, *plan.problems)],
    }
    return encode(value, ("Format", "FormatVersion"))


def _decision(plan: Plan, decision: Decision) -> dict[str, Any]:
    return {
        "Type": decision.document.map.type,
        "Id": decision.document.id,
        "Name": decision.name,
        "File": decision.document.file,
        "Outcome": decision.outcome.value,
        # Without the mark's token, which is another for each plan.
        "Target": plan.marks.shown(decision.target_id),
        "Changes": [{"Path": c.path, "Before": c.before, "After": c.after} for c in decision.changes],
    }


def tree_seal(tree: Tree, master: MasterKeyCipher) -> str:
    """
    Return a keyed digest of all documents of a tree, secrets included.
    """
    # A plain digest would let whoever has the plan try values of secrets offline.
    mac = hmac.new(master.key, b"octopus import plan: tree", "sha256")
    # Whatever order a folder or a commit gives its files in.
    for document in sorted(tree.documents, key=lambda item: (item.origin, item.file, item.id)):
        parts = (document.origin, document.file, document.map.type, document.id, document.space or "")
        mac.update(json.dumps(parts).encode() + b"\0" + _bytes(document.body) + b"\0")
    return mac.hexdigest()


def _bytes(body: Body) -> bytes:
    return encode(_plain(body))


def _plain(value: Any) -> Any:
    if isinstance(value, SecretText):
        return {"$secret": [value.plain, value.encrypted]}
    if isinstance(value, MixedText):
        return {"$parts": [_plain(part) for part in value.parts]}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def target_seal(plan: Plan, master: MasterKeyCipher) -> str:
    """
    Return a keyed digest of the target's rows that the plan was made from, and of what was decided, rows included.

    The rows catch what no digest of one document does: an address that is taken since, another default.
    """
    mac = hmac.new(master.key, b"octopus import plan: target", "sha256")
    for decision in plan.decisions:
        parts = (decision.document.file, plan.marks.shown(decision.target_id), decision.outcome.value, decision.digest)
        mac.update(json.dumps(parts).encode() + b"\0")
        if decision.final is not None:
            text = plan.bodies.text(decision.final, lambda number: f"<new {number}>", lambda secret: secret.plain)
            mac.update(text.encode() + b"\0")
    return mac.hexdigest()


def check_saved(content: bytes, plan: Plan, tree: Tree, master: MasterKeyCipher) -> None:
    """
    Refuse a plan that is not the saved one.

    Raises:
        OperatorError: the file is no plan, or the tree or the target has moved since.
    """
    try:
        value = decode(content)
        expected = (value["Format"], value["FormatVersion"], value["Tree"], value["Target"], value["Overwrite"])
    except (ValueError, KeyError, TypeError):
        raise OperatorError("the saved plan was not written by this program, or was changed; make a new one") from None
    if expected[:2] != (FORMAT, VERSION):
        raise OperatorError("the saved plan is of another version of this program; make a new one with --plan")
    if expected[2] != tree_seal(tree, master):
        raise OperatorError(
            "the tree has changed since the plan was saved (or the master key is another); make a new one"
        )
    if expected[4] != plan.overwrite:
        raise OperatorError("the plan was saved with another --overwrite; give the same options, or make a new one")
    if expected[3] != target_seal(plan, master):
        raise OperatorError(
            "the target has changed since the plan was saved; make a new one with --plan and look at it"
        )
