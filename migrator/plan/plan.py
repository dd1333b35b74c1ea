"""
Deciding an import, as a value: what becomes of each document of a tree on one target, and which ids they get.

A preview prints the plan, an import applies it. Matching is in ``plan.match``, ids in ``plan.context``, merging in
``plan.merge``; printing in ``plan.describe``. Nothing is written here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from migrator.documents.document import Body, places
from migrator.documents.stored import Stored
from migrator.maps import REGISTRY
from migrator.maps.document_map import DocumentMap
from migrator.maps.natural_keys import fold, rank
from migrator.plan.checks import check_tree, companions, importable
from migrator.plan.compare import comparable, differences
from migrator.plan.context import Context, is_history, make_context
from migrator.plan.fields import Fields, own_fields
from migrator.plan.history import match_history
from migrator.plan.ids import is_marked, settle
from migrator.plan.match import Match, Matcher
from migrator.plan.merge import MERGING, combined, created, incoming
from migrator.plan.rewrite import Note, Rewritten, project_of, rewritten
from migrator.plan.target_view import TargetView
from migrator.plan.values import MISSING, PROPERTY, WRITTEN, Decision, ImportOptions, Outcome
from migrator.report import ReportedWarning
from migrator.tree.values import Problem, Tree, TreeDocument

BATCH = 400
_FIRST = ("DeploymentProcess", "RunbookProcess")


@dataclass
class Plan:
    """
    All decisions of one import, in the order they are applied in.

    ``problems`` keep it from being applied; ``refusals`` also with ``--force``. ``new`` gives the type of each new
    document by the number in its mark.
    """

    context: Context
    overwrite: bool
    decisions: list[Decision] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    refusals: list[Problem] = field(default_factory=list)
    warnings: list[ReportedWarning] = field(default_factory=list)
    missing: list[TreeDocument] = field(default_factory=list)
    new: list[DocumentMap] = field(default_factory=list)
    fields: Fields = field(default_factory=Fields)
    twins: dict[tuple[str, str], str] = field(default_factory=dict)
    """By type and file, for files that are one document: the file that stands for all, "" where they differ."""

    def counts(self) -> dict[str, dict[str, int]]:
        """
        Return how many documents of each type have each outcome.
        """
        counts: dict[str, dict[str, int]] = {}
        for decision in self.decisions:
            kinds = counts.setdefault(decision.document.map.type, {})
            for word in _words(decision):
                kinds[word] = kinds.get(word, 0) + 1
        for document in self.missing:
            kinds = counts.setdefault(document.map.type, {})
            kinds[MISSING] = kinds.get(MISSING, 0) + 1
        return counts

    def final_body(self, decision: Decision, stored: Stored | None) -> Body:
        """
        Return what a document's row would hold; *stored* is the target's document, ``None`` where it is new.
        """
        return _final(self, decision.document, rewritten(self.context, decision.document), decision.target_id, stored)


def _words(decision: Decision) -> Iterator[str]:
    yield decision.outcome.value
    if decision.document.edited_scripts and decision.outcome in WRITTEN:
        yield PROPERTY


def plan_import(tree: Tree, target: TargetView, options: ImportOptions) -> Plan:
    """
    Decide what becomes of each document of *tree*; nothing is written.

    What stands in the way is in the plan's ``problems`` and ``refusals``, all of it; nothing is raised for it.
    """
    context = make_context(tree, target)
    plan = Plan(context, options.overwrite)
    plan.problems, plan.refusals, plan.warnings = check_tree(tree, target, options)
    matcher = Matcher(context)
    matches = matcher.match(importable(tree, target, plan.warnings))
    fresh = [match.document for match in matches if match.target_id and not match.exists]
    matches += matcher.match(companions(tree, fresh, plan.warnings))
    matches += match_history(matcher, tree)
    plan.new = matcher.new
    for match in matches:
        _warn_kept(plan, match)
    plan.twins = _twins(context, matches)
    decided: dict[int, Decision] = {}
    for _, group in groupby(sorted(matches, key=_turn), key=lambda item: item.document.map.type):
        some = list(group)
        for start in range(0, len(some), BATCH):
            for match, decision in _decide_batch(plan, some[start : start + BATCH]):
                decided[id(match)] = decision
    plan.decisions = [decided[id(match)] for match in matches]
    return plan


def _turn(match: Match) -> tuple[int, tuple[int, str]]:
    # Who refers to actions must know first whether the process is kept.
    type_ = match.document.map.type
    return (0 if type_ in _FIRST else 1), rank(type_)


def _warn_kept(plan: Plan, match: Match) -> None:
    if match.trouble:
        plan.problems.append(Problem(match.document.file, "", match.trouble))


def _decide_batch(plan: Plan, matches: Sequence[Match]) -> Iterator[tuple[Match, Decision]]:
    type_ = matches[0].document.map.type
    there = plan.context.target.documents(type_, [m.target_id for m in matches if m.exists and m.target_id])
    plan.fields.look(plan.context.target, matches)
    for match in matches:
        stored = there.get(match.target_id.lower()) if match.exists else None
        yield match, _decide(plan, match, stored)


def _decide(plan: Plan, match: Match, stored: Stored | None) -> Decision:
    document = match.document
    if match.missing:
        return _incomplete(plan, match, match.missing)
    if match.trouble:
        return Decision(document, Outcome.CONFLICT, match.target_id, match.space, reason=match.trouble)
    if stored is not None and is_history(document.map, document.body):
        return Decision(document, Outcome.UNCHANGED, match.target_id, match.space, digest=stored.digest)
    double = _double(plan, match) if match.twin else None
    if double is not None:
        return double
    change = rewritten(plan.context, document)
    reason = _not_wanted(plan, document)
    if reason:
        plan.warnings.append(_warned(document, Note("", reason)))
        return Decision(document, Outcome.INCOMPLETE, match.target_id, match.space, reason=reason)
    plan.warnings.extend(_warned(document, note) for note in change.warnings)
    final = _final(plan, document, change, match.target_id, stored, plan.warnings)
    _report_missing(plan, document, change)
    if stored is None:
        return Decision(document, Outcome.CREATE, match.target_id, match.space)
    return _compared(plan, match, stored, final)


def _final(
    plan: Plan,
    document: TreeDocument,
    change: Rewritten,
    target_id: str,
    stored: Stored | None,
    warnings: list[ReportedWarning] | None = None,
) -> Body:
    context = plan.context
    body = incoming(document.map, change.body)
    if context.target.has_column(document.map.type, "SpaceId"):
        body["SpaceId"] = context.space_of(document)
    else:
        body.pop("SpaceId", None)
    if stored is None:
        final = created(document.map, body, settle(target_id, context.reserved))
    else:
        final = combined(document.map, change, body, stored, context.ids.is_image)
    return own_fields(plan.fields, document, final, stored, warnings)


def _compared(plan: Plan, match: Match, stored: Stored, final: Body) -> Decision:
    document = match.document
    before, after = comparable(document.map, stored.body), comparable(document.map, final)
    if before == after and stored.readable:
        return Decision(document, Outcome.UNCHANGED, match.target_id, match.space, digest=stored.digest)
    changes = differences(before, after, plan.context.names)
    if not plan.overwrite:
        _keep(plan, document, stored)
        return Decision(document, Outcome.SKIP, match.target_id, match.space, changes, digest=stored.digest)
    if _is_builtin_role_of_team(document, stored):
        reason = "the roles of a built-in team are the target's own"
        return Decision(document, Outcome.SKIP, match.target_id, match.space, changes, reason, stored.digest)
    merges = document.map.type in MERGING and (document.map.type != "UserRole" or document.map.is_fixed(stored.id))
    outcome = Outcome.MERGE if merges else Outcome.OVERWRITE
    return Decision(document, outcome, match.target_id, match.space, changes, digest=stored.digest)


def _is_builtin_role_of_team(document: TreeDocument, stored: Stored) -> bool:
    if document.map.type != "ScopedUserRole":
        return False
    team = next(r for r in document.map.references if r.path == "TeamId")
    return any(REGISTRY[kind].is_fixed(str(stored.body.get("TeamId") or "")) for kind in team.targets)


def _keep(plan: Plan, document: TreeDocument, stored: Stored) -> None:
    """
    Remember what a kept document means for others: actions of a process go by name, a template by its version.
    """
    kind = document.map.type
    if kind in _FIRST:
        project = project_of(plan.context, document).lower()
        known = {fold(name): identity for name, identity in _action_names(stored.body)}
        actions = plan.context.actions.setdefault((document.origin, project), {})
        actions.update((identity.lower(), known.get(fold(name))) for name, identity in _action_names(document.body))
    elif kind == "ActionTemplate" and isinstance(stored.body.get("Version"), int):
        plan.fields.kept_versions[stored.id.lower()] = stored.body["Version"]
    elif kind in ("Project", "LibraryVariableSet"):
        ids = {str(p.value.get("Id")) for p in places(stored.body, "Templates/*") if isinstance(p.value, dict)}
        plan.fields.kept_templates[document.origin, document.id.lower()] = ids


def _action_names(body: Body) -> Iterator[tuple[str, str]]:
    for step in places(body, "Steps/*"):
        for place in places(step.value, "Actions/*") if isinstance(step.value, dict) else ():
            action = place.value
            if isinstance(action, dict) and isinstance(action.get("Id"), str):
                yield f"{step.value.get('Name')}\n{action.get('Name')}", action["Id"]


def _not_wanted(plan: Plan, document: TreeDocument) -> str:
    """
    Return why a part of a kept document cannot come along, ``""`` if it can.
    """
    body, context = document.body, plan.context
    if document.map.type == "ActionTemplateVersion":
        latest = context.resolve(document.origin, ("ActionTemplate",), str(body.get("LatestActionTemplateId")))
        kept = plan.fields.kept_versions.get((latest or "").lower())
        if kept is not None and isinstance(body.get("Version"), int) and body["Version"] > kept:
            return f"version {body['Version']} is above the target's step template, which is kept at version {kept}"
    elif document.map.type == "TenantVariable":
        ids = plan.fields.kept_templates.get((document.origin, str(body.get("OwnerId")).lower()))
        wanted = context.template(document.origin, str(body.get("OwnerId")), str(body.get("VariableTemplateId")))
        if ids is not None and wanted not in ids:
            return "its variable template is not on the target, whose document is kept"
    return ""


def _twins(context: Context, matches: Sequence[Match]) -> dict[tuple[str, str], str]:
    """
    Return for each file that shares its target the file that stands for all of them, ``""`` where they differ.
    """
    groups: dict[tuple[str, str], list[tuple[tuple[str, str], Body]]] = {}
    for match in matches:
        if match.twin:
            document = match.document
            place = document.map.type, document.file
            body = comparable(document.map, incoming(document.map, rewritten(context, document).body))
            body.pop("Id", None)
            groups.setdefault((document.map.type, match.target_id.lower()), []).append((place, body))
    found: dict[tuple[str, str], str] = {}
    for some in groups.values():
        same = all(body == some[0][1] for _, body in some)
        found.update((place, some[0][0][1] if same else "") for place, _ in some)
    return found


def _double(plan: Plan, match: Match) -> Decision | None:
    """
    Return the decision about one of several files that are one document, ``None`` if it stands for all of them.
    """
    document = match.document
    first = plan.twins[document.map.type, document.file]
    if first == document.file:
        return None
    if first:
        return Decision(document, Outcome.UNCHANGED, match.target_id, match.space, reason=f"the same as {first}")
    trouble = "another file of the tree has the same key and says something else; remove or rename one of them"
    plan.problems.append(Problem(document.file, "", trouble))
    return Decision(document, Outcome.CONFLICT, match.target_id, match.space, reason=trouble)


def _incomplete(plan: Plan, match: Match, missing: str) -> Decision:
    note = Note("", f"missing dependency {missing}: its file is not in the tree")
    plan.missing.append(match.document)
    plan.problems.append(Problem(match.document.file, note.path, note.message))
    return Decision(match.document, Outcome.INCOMPLETE, match.target_id, match.space, reason=note.message)


def _report_missing(plan: Plan, document: TreeDocument, change: Rewritten) -> None:
    if change.missing:
        plan.missing.append(document)
    for note in change.missing:
        plan.problems.append(Problem(document.file, note.path, note.message))


def _warned(document: TreeDocument, note: Note) -> ReportedWarning:
    return ReportedWarning(document.id, note.path, note.message)


def marks(plan: Plan) -> Mapping[int, DocumentMap]:
    """
    Return the type of each document that needs a new id, by the number of its mark.
    """
    wanted = {
        int(decision.target_id[5:-1])
        for decision in plan.decisions
        if is_marked(decision.target_id) and decision.target_id.startswith("<new ") and decision.target_id.endswith(">")
    }
    return {number: document_map for number, document_map in enumerate(plan.new) if number in wanted}
