"""
What a document's row would hold after an import: the incoming document, with what is the target's own. Pure.

Overwrite is whole-document, but for types whose map says how they merge; what changes by itself, what belongs to one
installation and what the tree cannot see stays the target's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from migrator.documents.document import Body, places
from migrator.documents.references import clone, is_impossible
from migrator.documents.stored import Stored
from migrator.maps.document_map import Column, DocumentMap, Meaning, Reference
from migrator.maps.natural_keys import fold
from migrator.maps.projects import SCOPE_TARGETS
from migrator.plan.rewrite import Rewritten

IsImage = Callable[[str, str], bool]
"""Whether a document of the target (type, id) has a counterpart in the tree."""


def merges(document_map: DocumentMap, document_id: str) -> bool:
    """
    Return whether a document of the target keeps something of its own in an import that overwrites.
    """
    merge = document_map.merge
    return bool(document_map.variables) or (
        merge is not None and (not merge.fixed_only or document_map.is_fixed(document_id))
    )


def incoming(document_map: DocumentMap, body: Body) -> Body:
    """
    Return a rewritten body without what no import carries: what changes by itself or belongs to one installation.
    """
    plain: Body = clone(body)
    frozen = plain.get("IsFrozen") is True
    for rule in document_map.volatile:
        # A copy is nothing without them: they tell it from the living document.
        if frozen and rule.path in ("IsFrozen", document_map.counter):
            continue
        for place in places(plain, rule.path):
            place.container.pop(place.key, None)
    # A logo, for one, is a file beside the source's database that no tree carries.
    for name in document_map.own:
        plain.pop(name, None)
    name = _list_of(document_map.variables)
    if name and isinstance(plain.get(name), list):
        plain[name] = _without_doubles(plain[name])
    return plain


def created(document_map: DocumentMap, body: Body, document_id: str) -> Body:
    """
    Return the document of a new row; *body* is an ``incoming`` one.
    """
    # A copy's counter is part of what was frozen.
    fresh: Body = {} if body.get("IsFrozen") is True else clone(dict(document_map.fresh))
    return {"Id": document_id} | {k: v for k, v in body.items() if k != "Id"} | fresh


def combined(document_map: DocumentMap, change: Rewritten, body: Body, stored: Stored, is_image: IsImage) -> Body:
    """
    Return what the row of *stored* would hold; *body* is the ``incoming`` form of *change*.
    """
    target = stored.body
    result: Body = clone(body)
    result["Id"] = stored.id
    # A column that the file does not name stays as it is; other properties go with the document.
    result |= {name: target[name] for name in stored.columns if name in target and name not in result}
    _keep_own(document_map, result, target)
    _keep_unseen(document_map, change, result, target, is_image)
    if merges(document_map, stored.id):
        _merge(document_map, change, result, target, is_image)
    for name in document_map.kept_where_empty:
        if result.get(name) is None:
            result[name] = target.get(name)
    return result


def counted(document_map: DocumentMap, result: Body, target: Body) -> Body:
    """
    Return a changed document with its save counter one higher than the target's.
    """
    count = target.get(document_map.counter) if document_map.counter else None
    # An import is a save like others, so the count goes on from the target's.
    return result | {document_map.counter: count + 1} if isinstance(count, int) else result


def _keep_own(document_map: DocumentMap, result: Body, target: Body) -> None:
    for name in ("SpaceId", *document_map.own):
        if name in target:
            result[name] = target[name]
    for rule in document_map.volatile:
        for place in places(target, rule.path):
            container: Any = result
            for part in place.path[:-1]:
                container = container.get(part) if isinstance(container, dict) else None
            if isinstance(container, dict):
                # No import brings these, and without this one it would wipe the target's.
                container.setdefault(place.path[-1], clone(place.value))
    if isinstance(target.get("IsDefault"), bool) and document_map.columns.get("IsDefault") is Column.FLAG:
        # Exactly one is the default; which one that is, is the target's own choice.
        result["IsDefault"] = target["IsDefault"]


def _keep_unseen(document_map: DocumentMap, change: Rewritten, result: Body, target: Body, is_image: IsImage) -> None:
    """
    Where a place lost what the tree does not hold, keep what the target has there and the tree cannot see.
    """
    for reference in document_map.references:
        if reference.path.endswith("/*"):
            if reference.meaning is not Meaning.SCOPE:
                _keep_items(reference, change, result, target, is_image)
        elif reference.meaning is Meaning.LINK and not reference.path.endswith("/~"):
            _keep_link(reference, change, result, target, is_image)


def _keep_items(reference: Reference, change: Rewritten, result: Body, target: Body, is_image: IsImage) -> None:
    lists = {place.path: place for place in places(result, _list_of(reference.path)) if isinstance(place.value, list)}
    for holder in places(target, _list_of(reference.path)):
        if holder.path not in change.narrowed or holder.path not in lists or not isinstance(holder.value, list):
            continue
        place = lists[holder.path]
        # An import of one project must not take from an account the environments that another import gave it.
        unseen = [item for item in holder.value if _is_unseen(reference, item, is_image) and not is_impossible(item)]
        if unseen:
            kept = [item for item in place.value if not (isinstance(item, str) and is_impossible(item))]
            place.container[place.key] = [*kept, *(item for item in unseen if item not in kept)]


def _keep_link(reference: Reference, change: Rewritten, result: Body, target: Body, is_image: IsImage) -> None:
    own = {place.path: place.value for place in places(target, reference.path)}
    for place in places(result, reference.path):
        if place.path in change.narrowed and _is_unseen(reference, own.get(place.path), is_image):
            place.container[place.key] = own[place.path]


def _is_unseen(reference: Reference, identity: Any, is_image: IsImage) -> bool:
    return isinstance(identity, str) and not any(is_image(kind, identity) for kind in reference.targets)


def _merge(document_map: DocumentMap, change: Rewritten, result: Body, target: Body, is_image: IsImage) -> None:
    if document_map.variables:
        name = _list_of(document_map.variables)
        result[name] = _merged_variables(change, result.get(name), target.get(name), is_image)
    for name in document_map.merge.united if document_map.merge else ():
        _unite(result, target, name)
    for path in document_map.merge.unseen if document_map.merge else ():
        reference = next(item for item in document_map.references if item.path == path)
        _add_unseen(result, target, reference, is_image)


def _list_of(pattern: str) -> str:
    """
    Return the place of the list, or the dictionary, whose elements *pattern* names.
    """
    return pattern[:-2]


def _unite(result: Body, target: Body, name: str) -> None:
    if isinstance(target.get(name), list):
        mine = result.get(name) if isinstance(result.get(name), list) else []
        # In a hostile tree an element may be anything.
        known = {_frozen(fold(item)) for item in mine or []}
        # Together, so that a built-in role keeps the permissions that only the target's version has.
        result[name] = [*(mine or []), *(item for item in target[name] if _frozen(fold(item)) not in known)]


def _add_unseen(result: Body, target: Body, reference: Reference, is_image: IsImage) -> None:
    """
    Keep the target's mentions of documents that the tree does not hold, in a list, in its elements or as a dictionary's
    keys.
    """
    name, _, inner = reference.path.replace("/~", "/*").partition("/*")
    mine, theirs = result.get(name), target.get(name)
    if inner and isinstance(theirs, list):
        elements = [item for item in theirs if isinstance(item, dict)]
        unseen = [item for item in elements if _is_unseen(reference, item.get(inner.strip("/")), is_image)]
        brought = list(mine) if isinstance(mine, list) else []
        result[name] = [*brought, *(item for item in unseen if item not in brought)]
        return
    if isinstance(theirs, dict):
        kept = {key: value for key, value in theirs.items() if _is_unseen(reference, key, is_image)}
        result[name] = (mine if isinstance(mine, dict) else {}) | kept
    elif isinstance(theirs, list):
        own = [item for item in mine if isinstance(item, str)] if isinstance(mine, list) else []
        result[name] = [*own, *(i for i in theirs if _is_unseen(reference, i, is_image) and i not in own)]


def _merged_variables(change: Rewritten, mine: Any, theirs: Any, is_image: IsImage) -> list[Any]:
    left = dict(enumerate(theirs if isinstance(theirs, list) else []))
    named: dict[Any, list[int]] = {}
    for at, other in left.items():
        named.setdefault(_called(other), []).append(at)
    merged: list[Any] = []
    for variable in mine if isinstance(mine, list) else []:
        candidates = {at: left[at] for at in named.get(_called(variable), ()) if at in left}
        same = _counterpart(variable, candidates, change, is_image)
        merged.append(variable if same is None else _in_place_of(left.pop(same), variable))
    # What only the target has stays, behind what the tree brings in its own order.
    return [*merged, *left.values()]


def _called(variable: Any) -> Any:
    # What is no variable at all is only ever the same as itself.
    return ("Name", _frozen(_name(variable))) if isinstance(variable, dict) else _frozen(variable)


def _in_place_of(other: Any, variable: Any) -> Any:
    if not isinstance(variable, dict):
        return variable
    scope = {"Scope": other["Scope"]} if "Scope" in variable and _scope(other) != _scope(variable) else {}
    # The target's id: a trigger's form values go by it.
    return variable | scope | ({"Id": other["Id"]} if "Id" in other else {})


def _counterpart(variable: Any, named: Mapping[int, Any], change: Rewritten, is_image: IsImage) -> int | None:
    """
    Return the place of the variable of the target that this one is, ``None`` if it is new; *named* have its name.
    """
    if not isinstance(variable, dict):
        return next(iter(named), None)
    scope = _scope(variable)
    exact = next((at for at, other in named.items() if _scope(other) == scope), None)
    narrowed = _narrowed_scopes(variable, change)
    if exact is not None or not narrowed:
        return exact
    wider = [at for at, other in named.items() if _only_unseen_more(scope, _scope(other), narrowed, is_image)]
    # Of two that could be meant neither is touched.
    return wider[0] if len(wider) == 1 else None


def _narrowed_scopes(variable: Body, change: Rewritten) -> set[str]:
    """
    Return the kinds of a variable's scope that lost ids on the way to the target.
    """
    own = f"[{variable.get('Id')}]"
    scopes = [path for path in change.narrowed if len(path) == 4 and path[2] == "Scope"]
    # Only a variable whose own id is not unique is named by its place in the list, which is no longer known.
    return {kind for _, name, _, kind in scopes if name == own or name.isdigit()}


def _only_unseen_more(
    mine: dict[str, frozenset[str]], theirs: dict[str, frozenset[str]], narrowed: set[str], is_image: IsImage
) -> bool:
    """
    Return whether a variable of the target has the same scope but for what this one lost and the tree cannot see.
    """
    if mine.keys() != theirs.keys():
        return False
    differing = [kind for kind in mine if mine[kind] != theirs[kind]]
    return all(
        kind in narrowed
        and mine[kind] < theirs[kind]
        and not any(is_image(target, extra) for target in SCOPE_TARGETS[kind] for extra in theirs[kind] - mine[kind])
        for kind in differing
    )


def _name(variable: Body) -> Any:
    return fold(variable.get("Name"))


def _scope(variable: Body) -> dict[str, frozenset[str]]:
    scope = variable.get("Scope")
    if not isinstance(scope, dict):
        return {}
    return {
        kind: frozenset(fold(item) if isinstance(item, str) else repr(item) for item in values)
        for kind, values in scope.items()
        if isinstance(values, list) and values
    }


def _without_doubles(variables: list[Any]) -> list[Any]:
    """
    Return the variables, each declaration with the same name, scope and value only once.
    """
    kept: dict[Any, Any] = {}
    for number, variable in enumerate(variables):
        key: Any = number
        if isinstance(variable, dict):
            key = _frozen(_name(variable)), frozenset(_scope(variable).items()), _frozen(variable.get("Value"))
        # Older servers let the same declaration stand twice, and newer ones refuse it.
        kept.setdefault(key, variable)
    return list(kept.values())


def _frozen(value: Any) -> Any:
    """
    Return what is equal, and can stand in a set, exactly where the JSON is; a secret is as its plaintext.
    """
    if isinstance(value, dict):
        return frozenset((key, _frozen(item)) for key, item in value.items())
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else (type(value), value)
