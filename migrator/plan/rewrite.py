"""
A document of the tree as the target would hold it: every id in it replaced, and what became of those that are missing.

Pure but for what the context has to look up. Merging with the target's document is in ``plan.merge``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from migrator.documents.document import Body, Place, places, spelled
from migrator.documents.references import DEFAULT_VALUE, IMPOSSIBLE_GUID, Slot, is_impossible, rewrite
from migrator.maps import REGISTRY
from migrator.maps.document_map import ACTION, TAG, TEMPLATE, Meaning
from migrator.maps.natural_keys import owner_of
from migrator.maps.parts import prefix_fits
from migrator.plan.context import Context, is_history
from migrator.plan.history import tolerated
from migrator.plan.ids import impossible
from migrator.tree.values import TreeDocument


@dataclass(frozen=True)
class Note:
    """
    Something that was dropped, kept impossible, or is missing, at a place of the document.
    """

    path: str
    message: str


@dataclass
class Rewritten:
    """
    A document with the target's ids.

    ``missing`` are dependencies without which it cannot work, ``lacking`` those that the tree has, but no import takes
    or can take; ``narrowed`` the paths of lists that lost some of
    their ids, which the target's own may complete. ``left_over``: the owner that its server has deleted, ``""`` where
    it has one.
    """

    body: Body
    warnings: list[Note] = field(default_factory=list)
    missing: list[Note] = field(default_factory=list)
    lacking: list[Note] = field(default_factory=list)
    narrowed: set[tuple[str, ...]] = field(default_factory=set)
    left_over: str = ""


def rewritten(context: Context, document: TreeDocument) -> Rewritten:
    """
    Return *document* with every id it mentions as it is on the target.
    """
    result = Rewritten({})
    project = project_of(context, document)

    def decide(slot: Slot) -> Sequence[str | None]:
        new = [_resolve(context, document, slot, text, project) for text in slot.ids]
        if None in new:
            # What happened may mention what is gone, and nobody can bring it back: no reason to refuse.
            if is_history(document.map, document.body):
                result.warnings.extend(_stale(slot, new))
                return tolerated(slot, new)
            absent = [text for text, target in zip(slot.ids, new, strict=True) if target is None]
            if all(context.is_left_out(document.origin, slot.reference.targets, text) for text in absent):
                return _left_out(slot, new, absent, result)
            if any(REGISTRY.find(type_) for type_ in slot.reference.targets):
                if slot.reference.meaning is Meaning.REQUIRED:
                    new = _kept(context, document, slot, new, result)
                elif slot.reference.meaning is Meaning.OWNER and context.dangles(document.origin, absent[0]):
                    result.left_over = absent[0]
            return new if None not in new else _without(context, document, slot, new, result)
        return new

    result.body = rewrite(document.map, document.body, decide, context.of(document.origin))
    _rename_parts(context, document, result.body)
    if document.map.variables and not is_history(document.map, document.body):
        _drop_unscoped(result, document.map.variables)
    return result


def project_of(context: Context, document: TreeDocument) -> str:
    """
    Return the source id of the project whose actions a document speaks of, ``""`` where it has none.
    """
    document_map = document.map
    if document_map.derived_from:
        project = owner_of(document_map, document.id, document.body) or ""
    else:
        project = str(document.body.get(document_map.owner) or "") if document_map.owner else document.id
    return context.owners.get((document.origin, project.lower()), project)


def _resolve(context: Context, document: TreeDocument, slot: Slot, text: str, project: str) -> str | None:
    targets = slot.reference.targets
    if targets == (ACTION,):
        return context.action(document.origin, project, text)
    if targets == (TEMPLATE,) and document.map.typed_by is not None:
        return context.template(document.origin, str(document.body.get(document.map.typed_by.owner)), text)
    # An earlier import limited it to nothing, and that is to stay so.
    if is_impossible(text):
        return text
    found = context.resolve(document.origin, targets, text)
    # A text that merely equals an id on the source: it may be just a text.
    return text if found is None and slot.reference.form == "known" else found


def _kept(
    context: Context, document: TreeDocument, slot: Slot, new: Sequence[str | None], result: Rewritten
) -> list[str | None]:
    """
    Return the ids of a place with what may stay as it stands: a name, and what led nowhere on the source already.
    """
    origin, targets, path = document.origin, slot.reference.targets, spelled(slot.path)
    kept = list(new)
    for at, text in enumerate(slot.ids):
        if kept[at] is not None:
            continue
        if not _is_like_id(targets, text) and context.is_name(origin, targets, text):
            kept[at] = text
        elif context.dangles(origin, text):
            kept[at] = context.standing(origin, targets, text)
            fate = "it was kept as it stands" if kept[at] == text else f"another's on the target, it became {kept[at]}"
            result.warnings.append(Note(path, f"{text} led nowhere on the source already; {fate}"))
        elif slot.path[-1] == DEFAULT_VALUE and not _is_like_id(targets, text):
            kept[at] = text
            result.warnings.append(Note(path, f"nothing on the target is called {text}; it was kept as it stands"))
    return kept


def _is_like_id(targets: Sequence[str], text: str) -> bool:
    return any(prefix_fits(type_, text) for type_ in targets)


def _without(
    context: Context, document: TreeDocument, slot: Slot, new: list[str | None], result: Rewritten
) -> Sequence[str | None]:
    reference, path = slot.reference, spelled(slot.path)
    lost = ", ".join(text for text, target in zip(slot.ids, new, strict=True) if target is None)
    nothing = _nothing(reference.targets)
    if reference.meaning in (Meaning.REQUIRED, Meaning.OWNER):
        what = "/".join(reference.targets)
        if all((document.origin, text.strip().lower()) in context.held for text in lost.split(", ")):
            result.lacking.append(Note(path, f"missing dependency {lost} ({what}): it was left out itself"))
        else:
            result.missing.append(Note(path, f"missing dependency {lost} ({what}): its file is not in the tree"))
        return [target if target is not None else nothing for target in new]
    result.narrowed.add(slot.path)
    if reference.meaning is Meaning.LINK:
        if not reference.quiet:
            result.warnings.append(Note(path, f"{lost} is neither in the tree nor known on the target; it was dropped"))
        return new
    if any(target is not None for target in new):
        result.warnings.append(Note(path, f"{lost} is neither in the tree nor known on the target; it was dropped"))
        return new
    # Of a variable the whole scope is looked at later, and one warning given for it.
    if reference.meaning is not Meaning.SCOPE:
        result.warnings.append(
            Note(
                path, f"{lost} is not on the target; so that this does not mean everywhere, it is limited to {nothing}"
            )
        )
    # Empty would mean no restriction at all, and a step for one channel would run in all.
    return [nothing, *[None for _ in new[1:]]]


def _left_out(slot: Slot, new: list[str | None], absent: list[str], result: Rewritten) -> Sequence[str | None]:
    """
    A partial export left it out on purpose and the target has none of its name: limited to nothing, never widened.
    """
    result.narrowed.add(slot.path)
    meaning, nothing = slot.reference.meaning, _nothing(slot.reference.targets, absent[0])
    message = f"{', '.join(absent)} was left out, and the target has no document of its name"
    if not slot.reference.quiet:
        result.warnings.append(Note(spelled(slot.path), message))
    if meaning is Meaning.LINK or (meaning is not Meaning.REQUIRED and any(target is not None for target in new)):
        return new
    if meaning is Meaning.REQUIRED:
        return [target if target is not None else nothing for target in new]
    return [nothing, *[None for _ in new[1:]]]


def _stale(slot: Slot, new: Sequence[str | None]) -> list[Note]:
    if slot.reference.quiet:
        return []
    lost = ", ".join(text for text, target in zip(slot.ids, new, strict=True) if target is None)
    return [Note(spelled(slot.path), f"{lost} is history that is gone; tolerated")]


def _nothing(targets: Sequence[str], text: str = "") -> str:
    if targets == (ACTION,):
        return IMPOSSIBLE_GUID
    return impossible(next((type_ for type_ in targets if prefix_fits(type_, text)), targets[0]))


def _rename_parts(context: Context, document: TreeDocument, body: Body) -> None:
    """
    Give tags and variable templates the ids they have on the target.
    """
    holds = document.map.holds
    for place in _own_ids(body, holds[TAG]) if TAG in holds else ():
        place.value["Id"] = context.tag(document.origin, place.value["Id"]) or place.value["Id"]
    for place in _own_ids(body, holds[TEMPLATE]) if TEMPLATE in holds else ():
        place.value["Id"] = context.template(document.origin, document.id, place.value["Id"])


def _own_ids(body: Body, pattern: str) -> list[Place]:
    return [p for p in places(body, pattern) if isinstance(p.value, dict) and isinstance(p.value.get("Id"), str)]


def _drop_unscoped(result: Rewritten, pattern: str) -> None:
    """
    Drop variables that would lose their last scope; one that keeps another scope stays, limited to nothing.
    """
    property_ = pattern.partition("/")[0]
    variables = result.body.get(property_)
    if not isinstance(variables, list) or not result.narrowed:
        return
    kept = []
    for variable in variables:
        if not isinstance(variable, dict) or not isinstance(variable.get("Scope"), dict):
            kept.append(variable)
            continue
        name, scope = variable.get("Name"), variable["Scope"]
        empty = [kind for kind, values in scope.items() if _is_nothing(values)]
        # Not kept with an empty scope, by which its value would hold everywhere.
        if scope and len(empty) == len([kind for kind, values in scope.items() if values]):
            result.warnings.append(
                Note(
                    f"Variables/{name}/Scope",
                    f"nothing of its scope ({', '.join(empty)}) is on the target; it was dropped",
                )
            )
            continue
        if empty:
            result.warnings.append(
                Note(
                    f"Variables/{name}/Scope/{empty[0]}",
                    "nothing of it is on the target; the variable is limited to nothing",
                )
            )
        kept.append(variable)
    result.body[property_] = kept


def _is_nothing(values: object) -> bool:
    return isinstance(values, list) and bool(values) and all(isinstance(v, str) and is_impossible(v) for v in values)
