"""
Deciding an import, as a value: what becomes of each document of a tree on one target, down to the row that is written.

A preview prints the plan, an import applies it. Matching is in ``plan.match``, ids in ``plan.context``, merging in
``plan.merge``; printing in ``plan.describe``. Nothing is written here.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from migrator.documents.document import Body, places
from migrator.documents.stored import Stored
from migrator.maps import REGISTRY
from migrator.maps.document_map import ACTION, TEMPLATE, Column, DocumentMap
from migrator.maps.in_git import place_in_git
from migrator.maps.natural_keys import fold, rank
from migrator.plan.bodies import Bodies
from migrator.plan.checks import check_tree, companions, importable, storable, without_gone_spaces
from migrator.plan.compare import comparable, differences
from migrator.plan.context import Context, is_history, make_context
from migrator.plan.history import is_index, match_history
from migrator.plan.match import Match, Matcher
from migrator.plan.merge import combined, counted, created, incoming, merges
from migrator.plan.related import with_edges
from migrator.plan.rewrite import Note, Rewritten, project_of, rewritten
from migrator.plan.target_view import TargetView
from migrator.plan.values import Decision, ImportOptions, Outcome, Plan
from migrator.report import ReportedWarning
from migrator.tree.values import Problem, Tree, TreeDocument

BATCH = 400
SLUG, DEFAULT = "Slug", "IsDefault"


def plan_import(tree: Tree, target: TargetView, options: ImportOptions) -> Plan:
    """
    Decide what becomes of each document of *tree*; nothing is written.

    What stands in the way is in the plan's ``problems`` and ``refusals``, all of it; nothing is raised for it.
    """
    problems, refusals, warnings = check_tree(tree, target, options)
    tree = storable(without_gone_spaces(tree, warnings), target)
    context = make_context(tree, target, strict=options.strict)
    matcher = Matcher(context)
    matches = matcher.match(importable(tree, target, warnings))
    # Only for what is new: a document that the target has comes with its companions already.
    fresh = [match.document for match in matches if match.target_id and not match.exists]
    made: list[ReportedWarning] = []
    matches += matcher.match(companions(tree, fresh, made))
    # Last, since what happened is found by the ids of what it happened to.
    matches += match_history(matcher, tree)
    # Matched, since others name them; what the target has lost of them meanwhile is brought back.
    matches = [match for match in matches if not match.exists or match.document.file not in tree.settled]
    problems += [Problem(match.document.file, "", match.trouble) for match in matches if match.trouble]
    planner, decisions = _decided(context, matches, options, matcher.new)
    return Plan(
        options.overwrite,
        decisions,
        (*problems, *planner.problems),
        tuple(refusals),
        (*warnings, *_of_written(made, decisions), *planner.warnings),
        tuple(planner.missing),
        context.ids,
        _new_ids(context, decisions, matcher.new),
        planner.bodies,
    )


def _of_written(made: Sequence[ReportedWarning], decisions: Sequence[Decision]) -> Iterator[ReportedWarning]:
    left_out = {decision.document.id for decision in decisions if decision.outcome is Outcome.INCOMPLETE}
    return (item for item in made if item.document not in left_out)


def _decided(
    context: Context, matches: Sequence[Match], options: ImportOptions, new: Sequence[DocumentMap]
) -> tuple[_Planner, tuple[Decision, ...]]:
    """
    Decide about everything, and again as long as a new document that lacks something takes others with it: what needs
    it, and the owner that it is a part of.
    """
    while True:
        planner = _Planner(context, options, new)
        decisions = planner.decide(matches)
        incomplete = [item.target_id for item in decisions if item.outcome is Outcome.INCOMPLETE]
        lost = set().union(*(context.marks.numbers(target) for target in incomplete)) - context.lost
        if not lost or options.force:
            return planner, decisions
        planner.bodies.close()
        context.lost |= lost


def _new_ids(context: Context, decisions: Sequence[Decision], new: Sequence[DocumentMap]) -> Mapping[int, DocumentMap]:
    wanted = {context.marks.number(decision.target_id) for decision in decisions}
    return {number: document_map for number, document_map in enumerate(new) if number in wanted}


@dataclass
class _Planner:
    """
    What deciding has found so far; ``new`` gives the type of each document that the target does not have.
    """

    context: Context
    options: ImportOptions
    new: Sequence[DocumentMap]
    problems: list[Problem] = field(default_factory=list)
    warnings: list[ReportedWarning] = field(default_factory=list)
    missing: list[TreeDocument] = field(default_factory=list)
    twins: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """By type and file, for files that are one document: the file that stands for all, "" where they differ."""
    slugs: dict[tuple[str, object, str], set[str]] = field(default_factory=dict)
    """By type, space or owner, and folded slug: who has it on the target, or is to have it."""
    defaults: dict[tuple[str, str | None], str | None] = field(default_factory=dict)
    """By type and space: the document that is the default there, or is to be."""
    kept_versions: dict[str, int] = field(default_factory=dict)
    kept_templates: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    bodies: Bodies = field(init=False)

    def __post_init__(self) -> None:
        self.bodies = Bodies(self.context.marks)

    def decide(self, matches: Sequence[Match]) -> tuple[Decision, ...]:
        """
        Return a decision for each match, in their order.
        """
        self.twins = _twins(self.context, matches)
        decided: dict[int, Decision] = {}
        for _, group in groupby(sorted(matches, key=_turn), key=lambda item: item.document.map.type):
            some = list(group)
            for start in range(0, len(some), BATCH):
                for match, decision in self._decide_batch(some[start : start + BATCH]):
                    decided[id(match)] = decision
        # Back in the order of an import: decisions are made in another.
        return tuple(decided[id(match)] for match in matches)

    def _decide_batch(self, matches: Sequence[Match]) -> Iterator[tuple[Match, Decision]]:
        type_, target = matches[0].document.map.type, self.context.target
        known = target.documents(type_, [m.target_id for m in matches if m.exists and m.target_id])
        if target.has_column(type_, SLUG):
            wanted = [slug for m in matches if isinstance(slug := m.document.body.get(SLUG), str) and slug]
            within = matches[0].document.map.slug_within
            for item in target.taken(type_, [SLUG, within] if within else [SLUG], wanted):
                place = item.key[1] if within else item.space
                self.slugs.setdefault((type_, fold(place), fold(item.key[0])), set()).add(item.id.lower())
        for match in matches:
            yield match, self._decide(match, known.get(match.target_id.lower()) if match.exists else None)

    def _decide(self, match: Match, stored: Stored | None) -> Decision:
        document = match.document
        if match.missing:
            return self._incomplete(match)
        if match.trouble:
            return Decision(document, Outcome.CONFLICT, match.target_id, match.space, reason=match.trouble)
        # What happened does not change, so a row that is there is not compared, let alone written.
        if stored is not None and is_history(document.map, document.body):
            return Decision(document, Outcome.UNCHANGED, match.target_id, match.space, digest=stored.digest)
        double = self._double(match) if match.twin else None
        if double is not None:
            return double
        reason = self._not_wanted(document) or ("" if stored else document.map.made_elsewhere(document.body))
        if reason:
            self._warn(document, Note("", reason))
            return Decision(document, Outcome.INCOMPLETE, match.target_id, match.space, reason=reason)
        change = rewritten(self.context, document)
        if change.left_over:
            return self._left_over(match, change.left_over)
        for note in change.warnings:
            self._warn(document, note)
        # What is left out for another's sake is told of only where nothing of its own is.
        missing = change.missing or change.lacking
        if missing:
            self._report_missing(document, missing)
        elif self.context.is_lost(match.target_id):
            missing = [Note("", "a part of it lacks something")]
            self._tell(document, missing[0])
        if missing and not self.options.force:
            return Decision(document, Outcome.INCOMPLETE, match.target_id, match.space, reason=missing[0].message)
        self._tell_of_git(document)
        final = self._with_address(document, self._final(match, change, stored), stored)
        if stored is None:
            final = self._one_default(match, final)
            if word := document.map.word(document.body):
                self._warn(document, Note("", word))
        if stored is None:
            return self._written(Decision(document, Outcome.CREATE, match.target_id, match.space), final)
        return self._compared(match, stored, final)

    def _final(self, match: Match, change: Rewritten, stored: Stored | None) -> Body:
        context, document = self.context, match.document
        computed = context.target.computed(document.map.type)
        body = incoming(document.map, change.body)
        body = {name: value for name, value in body.items() if name.lower() not in computed} if computed else body
        if context.target.has_column(document.map.type, "SpaceId"):
            body["SpaceId"] = context.space_of(document)
        else:
            # A server without spaces has no column for it, and its JSON would keep a property that means nothing there.
            body.pop("SpaceId", None)
        if stored is None:
            body |= self._owner_type(document)
            return self._own_guids(document, created(document.map, body, match.target_id))
        return combined(document.map, change, body, stored, context.ids.is_image)

    def _owner_type(self, document: TreeDocument) -> Body:
        """
        Return what a newer server says of a new document's owner, where an older one's tree does not.
        """
        owner, name = document.map.owner_type or ("", "")
        if not name or document.body.get(name) or not self.context.target.has_column(document.map.type, name):
            return {}
        types = document.map.targets_at(owner)
        found = self.context.ids.find(document.origin, types, str(document.body.get(owner)))
        return {name: found[0]} if found else {}

    def _own_guids(self, document: TreeDocument, body: Body) -> Body:
        """
        Return a new document with GUIDs of its own, where another one of the same server has those of the tree.
        """
        if self.context.servers.get(document.origin) == self.context.target.server:
            for place in (place for path in document.map.unique_on_server for place in places(body, path)):
                # Made of both, so that a plan is the same each time it is made.
                text = f"{place.value} {document.file} {body.get('SpaceId')} {body.get(document.map.owner or '')}"
                place.container[place.key] = str(uuid.uuid5(uuid.NAMESPACE_OID, text))
                self._warn(
                    document, Note("/".join(place.path), "another document of this server has it; a new one was made")
                )
        return body

    def _compared(self, match: Match, stored: Stored, final: Body) -> Decision:
        document = match.document
        before, after = comparable(document.map, stored.body), comparable(document.map, final)
        decision = Decision(document, Outcome.UNCHANGED, match.target_id, match.space, digest=stored.digest)
        # A row that does not open may hold anything, so nothing is equal to it.
        if before == after and stored.readable:
            return decision
        decision = replace(decision, outcome=Outcome.SKIP, changes=differences(before, after, self._called))
        if not self.options.overwrite:
            self._keep(document, stored)
            return decision
        if reason := _kept_with(document.map, stored):
            return replace(decision, reason=reason)
        outcome = Outcome.MERGE if merges(document.map, stored.id) else Outcome.OVERWRITE
        # The body goes back into the column that it was in; which one that is, is the server's affair.
        decision = replace(decision, outcome=outcome, blob=stored.blob)
        return self._written(decision, counted(document.map, final, stored.body))

    def _tell_of_git(self, document: TreeDocument) -> None:
        """
        Warn where a document's parts live in git and another server than the tree's is going to write them, too.
        """
        place = place_in_git(document.map.in_git, document.body)
        if place is not None and self.context.servers.get(document.origin) != self.context.target.server:
            text = f"{place} and are not imported; two servers would write that one folder: give it another one here"
            self._warn(document, Note(document.map.in_git_settings, text))

    def _called(self, text: str) -> str:
        return self.context.names.get(text.lower()) or self.context.marks.shown(text)

    def _written(self, decision: Decision, body: Body) -> Decision:
        """
        Return a decision with the row that is to be written put aside.
        """
        document_map = decision.document.map
        if is_index(document_map):
            # Their rows are numbered by the database, or have no id at all.
            body = {key: value for key, value in body.items() if key != "Id"}
        final = with_edges(document_map, body, self._spelled, self.context.target.edged)
        edges = None if final.edges is None else [list(edge) for edge in final.edges]
        # Put aside at once: the finished rows of a large tree would not fit into memory together.
        return replace(decision, final=self.bodies.add([final.body, edges]))

    def _spelled(self, text: str) -> str:
        # Only the beginning of the id matters here: by it a row's related documents are told apart by type.
        return self.context.marks.settle(text, lambda number: f"{self.new[number].id_prefix}1")

    def _one_default(self, match: Match, final: Body) -> Body:
        """
        Return a new document as the default of its type only if its space has no other.
        """
        document, space, target = match.document, final.get("SpaceId"), self.context.target
        if final.get(DEFAULT) is not True or document.map.columns.get(DEFAULT) is not Column.FLAG:
            return final
        place = document.map.type, space
        if place not in self.defaults:
            is_new = isinstance(space, str) and self.context.marks.is_in(space)
            # A space that is about to be made has no documents yet, and its mark is no id to ask for.
            self.defaults[place] = None if is_new else target.first_default(document.map.type, space)
        default = self.defaults[place]
        if default is None:
            self.defaults[place] = match.target_id
            return final
        self._warn(document, Note(DEFAULT, f"the target's default ({self._called(default)}) stays the default"))
        # Two defaults would leave the server to pick one.
        return final | {DEFAULT: False}

    def _with_address(self, document: TreeDocument, final: Body, stored: Stored | None) -> Body:
        """
        Return a document with an address that no other one has.
        """
        wanted, type_ = final.get(SLUG), document.map.type
        if not isinstance(wanted, str) or not wanted:
            return final
        # What is new has no id yet; the line end keeps the name of its place from being one.
        own = (stored.id if stored else f"{document.origin}\n{document.id}").lower()
        place = fold(final.get(document.map.slug_within or "SpaceId"))
        slug: Any = wanted
        if self.slugs.get((type_, place, fold(wanted)), set()) - {own}:
            # The one that it has, before a new one is made up: links to it go on working.
            slug = stored.body.get(SLUG) if stored else None
            number = 1
            while not slug or self.slugs.get((type_, place, fold(slug)), set()) - {own}:
                number += 1
                slug = f"{wanted}-{number}"
            message = f"the address {wanted} is another document's on the target; it is {slug} there"
            self._warn(document, Note(SLUG, message))
        self.slugs.setdefault((type_, place, fold(slug)), set()).add(own)
        return final | {SLUG: slug}

    def _keep(self, document: TreeDocument, stored: Stored) -> None:
        """
        Remember what a kept document means for others: actions of a process go by name, a template by its version.
        """
        holds = document.map.holds
        if ACTION in holds:
            project = project_of(self.context, document).lower()
            known = {fold(name): identity for name, identity in _action_names(stored.body)}
            actions = self.context.actions.setdefault((document.origin, project), {})
            actions.update((identity.lower(), known.get(fold(name))) for name, identity in _action_names(document.body))
        if TEMPLATE in holds:
            ids = {str(p.value.get("Id")) for p in places(stored.body, holds[TEMPLATE]) if isinstance(p.value, dict)}
            self.kept_templates[document.origin, document.id.lower()] = ids
        if isinstance(stored.body.get("Version"), int):
            # Versions above the kept one would be of states that the target's template never had.
            self.kept_versions[stored.id.lower()] = stored.body["Version"]

    def _not_wanted(self, document: TreeDocument) -> str:
        """
        Return why a part of a kept document cannot come along, ``""`` if it can.
        """
        body, context, latest, typed_by = document.body, self.context, document.map.version_of, document.map.typed_by
        if latest:
            types = document.map.targets_at(latest)
            kept = self.kept_versions.get(
                (context.resolve(document.origin, types, str(body.get(latest))) or "").lower()
            )
            if kept is not None and isinstance(body.get("Version"), int) and body["Version"] > kept:
                return f"version {body['Version']} is above version {kept}, at which the target's is kept"
        if typed_by is not None:
            owner = str(body.get(typed_by.owner))
            ids = self.kept_templates.get((document.origin, owner.lower()))
            if (
                ids is not None
                and context.template(document.origin, owner, str(body.get(typed_by.template))) not in ids
            ):
                return "its variable template is not on the target, whose document is kept"
        return ""

    def _double(self, match: Match) -> Decision | None:
        """
        Return the decision about one of several files that are one document, ``None`` if it stands for all of them.
        """
        document = match.document
        first = self.twins[document.map.type, document.file]
        if first == document.file:
            return None
        decision = Decision(document, Outcome.UNCHANGED, match.target_id, match.space, reason=f"the same as {first}")
        if first:
            return decision
        trouble = "another file of the tree has the same key and says something else; remove or rename one of them"
        self.problems.append(Problem(document.file, "", trouble))
        return replace(decision, outcome=Outcome.CONFLICT, reason=trouble)

    def _incomplete(self, match: Match) -> Decision:
        document = match.document
        if self.context.dangles(document.origin, match.missing):
            return self._left_over(match, match.missing)
        message = f"missing dependency {match.missing}: its file is not in the tree"
        self.missing.append(document)
        self._tell(document, Note("", message))
        return Decision(document, Outcome.INCOMPLETE, match.target_id, match.space, reason=message)

    def _left_over(self, match: Match, owner: str) -> Decision:
        reason = f"left over from {owner}, which the source has deleted"
        self._warn(match.document, Note("", f"{reason}; it was left out"))
        return Decision(match.document, Outcome.INCOMPLETE, match.target_id, match.space, reason=reason)

    def _report_missing(self, document: TreeDocument, missing: Sequence[Note]) -> None:
        self.missing.append(document)
        for note in missing:
            self._tell(document, note)

    def _tell(self, document: TreeDocument, note: Note) -> None:
        """
        Tell of what keeps a document from being imported: a warning, unless it is to refuse, or to be ignored.
        """
        if self.options.strict or self.options.force:
            self.problems.append(Problem(document.file, note.path, note.message))
        else:
            self._warn(document, Note(note.path, f"{note.message}; the document was left out"))

    def _warn(self, document: TreeDocument, note: Note) -> None:
        self.warnings.append(ReportedWarning(document.id, note.path, note.message))


def _turn(match: Match) -> tuple[int, tuple[int, str]]:
    # Who refers to actions must know first whether the process is kept.
    document_map = match.document.map
    return (0 if ACTION in document_map.holds else 1), rank(document_map.type)


def _kept_with(document_map: DocumentMap, stored: Stored) -> str:
    """
    Return why the target's row stays as it is though an import overwrites, ``""`` if it does not.
    """
    for path, reason in document_map.kept_with.items():
        identity = str(stored.body.get(path) or "")
        if any(REGISTRY[type_].is_fixed(identity) for type_ in document_map.targets_at(path)):
            return reason
    return ""


def _action_names(body: Body) -> Iterator[tuple[str, str]]:
    for step in places(body, "Steps/*"):
        for place in places(step.value, "Actions/*") if isinstance(step.value, dict) else ():
            action = place.value
            if isinstance(action, dict) and isinstance(action.get("Id"), str):
                yield f"{step.value.get('Name')}\n{action.get('Name')}", action["Id"]


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
            # Files of several servers have an id each for what is one document on the target.
            body.pop("Id", None)
            groups.setdefault((document.map.type, match.target_id.lower()), []).append((place, body))
    found: dict[tuple[str, str], str] = {}
    for some in groups.values():
        same = all(body == some[0][1] for _, body in some)
        found.update((place, some[0][0][1] if same else "") for place, _ in some)
    return found
