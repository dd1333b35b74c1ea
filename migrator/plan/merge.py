"""
What a document's row would hold after an import: the incoming document, with what is the target's own. Pure.

Overwrite is whole-document. Variable sets, teams, tenants' connections and built-in roles merge; what changes by
itself, what belongs to one installation and what the tree cannot see stays the target's.
"""

from __future__ import annotations

from collections.abc import Callable
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

MERGING = frozenset(("VariableSet", "Team", "Tenant", "UserRole"))
_COUNTED = frozenset(("VariableSet", "DeploymentProcess", "RunbookProcess", "DeploymentSettings"))
_OWN = {
    "Configuration": ("InstallationId",),
    "Project": ("LogoAttachmentKey",),
    "Tenant": ("LogoAttachmentKey",),
    "ActionTemplate": ("LogoAttachmentKey",),
    "ActionTemplateVersion": ("LogoAttachmentKey",),
    "CommunityActionTemplate": ("LogoAttachmentKey",),
}
"""What belongs to one installation: its identity, and the names of files that stand beside its database."""
_FRESH: dict[str, Body] = {
    "VariableSet": {"IsFrozen": False, "Version": 1},
    "DeploymentProcess": {"IsFrozen": False, "Version": 1, "LastSnapshotId": None},
    "RunbookProcess": {"IsFrozen": False, "Version": 1, "LastSnapshotId": None},
    "DeploymentSettings": {"Version": 1},
    "Project": {"AutoDeployReleaseOverrides": []},
}


def incoming(document_map: DocumentMap, body: Body) -> Body:
    """
    Return a rewritten body without what no import carries: what changes by itself or belongs to one installation.
    """
    plain: Body = clone(body)
    _strip(document_map, plain)
    if document_map.type == "VariableSet" and isinstance(plain.get("Variables"), list):
        plain["Variables"] = _without_doubles(plain["Variables"])
    return plain


def _strip(document_map: DocumentMap, body: Body) -> None:
    frozen = body.get("IsFrozen") is True
    for rule in document_map.volatile:
        if frozen and rule.path in ("IsFrozen", "Version"):
            continue
        for place in places(body, rule.path):
            place.container.pop(place.key, None)
    for name in _OWN.get(document_map.type, ()):
        body.pop(name, None)


def created(document_map: DocumentMap, body: Body, document_id: str) -> Body:
    """
    Return the document of a new row; *body* is an ``incoming`` one.
    """
    fresh: Body = {} if body.get("IsFrozen") is True else clone(_FRESH.get(document_map.type, {}))
    return {"Id": document_id} | {k: v for k, v in body.items() if k != "Id"} | fresh


def combined(document_map: DocumentMap, change: Rewritten, body: Body, stored: Stored, is_image: IsImage) -> Body:
    """
    Return what the row of *stored* would hold; *body* is the ``incoming`` form of *change*.
    """
    there = stored.body
    result: Body = clone(body)
    result["Id"] = stored.id
    # A column that the file does not name stays as it is; other properties go with the document.
    result |= {name: there[name] for name in stored.columns if name in there and name not in result}
    _keep_own(document_map, result, there)
    _keep_unseen(document_map, change, result, there, is_image)
    _merge(document_map, change, result, there, is_image)
    return result


def counted(document_map: DocumentMap, result: Body, there: Body) -> Body:
    """
    Return a changed document with its save counter one higher than the target's.
    """
    if document_map.type not in _COUNTED or not isinstance(there.get("Version"), int):
        return result
    return result | {"Version": there["Version"] + 1}


def _keep_own(document_map: DocumentMap, result: Body, there: Body) -> None:
    for name in ("SpaceId", *_OWN.get(document_map.type, ())):
        if name in there:
            result[name] = there[name]
    for rule in document_map.volatile:
        for place in places(there, rule.path):
            container: Any = result
            for part in place.path[:-1]:
                container = container.get(part) if isinstance(container, dict) else None
            if isinstance(container, dict):
                container.setdefault(place.path[-1], clone(place.value))
    if isinstance(there.get("IsDefault"), bool) and document_map.columns.get("IsDefault") is Column.FLAG:
        # Exactly one is the default; which one that is, is the target's own choice.
        result["IsDefault"] = there["IsDefault"]


def _keep_unseen(document_map: DocumentMap, change: Rewritten, result: Body, there: Body, is_image: IsImage) -> None:
    """
    Where a list lost what the tree does not hold, keep what the target has there and the tree cannot see.
    """
    for reference in document_map.references:
        if reference.meaning is Meaning.LINK and reference.path.split("/")[-1] not in ("*", "~"):
            _keep_link(reference, change, result, there, is_image)
        if reference.meaning is Meaning.SCOPE or not reference.path.endswith("/*"):
            continue
        for holder in places(there, reference.path[:-2]):
            if holder.path not in change.narrowed or not isinstance(holder.value, list):
                continue
            unseen = [
                item
                for item in holder.value
                if isinstance(item, str)
                and not is_impossible(item)
                and not any(is_image(kind, item) for kind in reference.targets)
            ]
            for place in places(result, reference.path[:-2]):
                if place.path == holder.path and unseen and isinstance(place.value, list):
                    kept = [item for item in place.value if not (isinstance(item, str) and is_impossible(item))]
                    place.container[place.key] = [*kept, *(item for item in unseen if item not in kept)]


def _keep_link(reference: Reference, change: Rewritten, result: Body, there: Body, is_image: IsImage) -> None:
    theirs = {place.path: place.value for place in places(there, reference.path)}
    for place in places(result, reference.path):
        own = theirs.get(place.path)
        if place.path not in change.narrowed or not isinstance(own, str):
            continue
        if not any(is_image(kind, own) for kind in reference.targets):
            place.container[place.key] = own


def _merge(document_map: DocumentMap, change: Rewritten, result: Body, there: Body, is_image: IsImage) -> None:
    kind = document_map.type
    if kind == "Team":
        _unite(result, there, "MemberUserIds")
    elif kind == "UserRole" and document_map.is_fixed(str(there.get("Id"))):
        for name in ("GrantedPermissions", "GrantedSystemPermissions", "GrantedSpacePermissions"):
            _unite(result, there, name)
    elif kind == "Tenant":
        _merge_connections(result, there, is_image)
    elif kind == "VariableSet":
        result["Variables"] = _merged_variables(change, result, there, is_image)
    elif kind == "Feed" and result.get("FeedUri") is None:
        result["FeedUri"] = there.get("FeedUri")


def _unite(result: Body, there: Body, name: str) -> None:
    if isinstance(there.get(name), list):
        mine = result.get(name) if isinstance(result.get(name), list) else []
        known = {fold(item) for item in mine or []}
        result[name] = [*(mine or []), *(item for item in there[name] if fold(item) not in known)]


def _merge_connections(result: Body, there: Body, is_image: IsImage) -> None:
    """
    Keep the target's connections to projects that the tree does not hold.
    """
    mine, theirs = result.get("ProjectEnvironments"), there.get("ProjectEnvironments")
    if isinstance(theirs, dict):
        kept = {project: value for project, value in theirs.items() if not is_image("Project", project)}
        result["ProjectEnvironments"] = (mine if isinstance(mine, dict) else {}) | kept
    if isinstance(there.get("ProjectIds"), list):
        own = [item for item in result.get("ProjectIds") or [] if isinstance(item, str)]
        unseen = [item for item in there["ProjectIds"] if not is_image("Project", item) and item not in own]
        result["ProjectIds"] = [*own, *unseen]


def _merged_variables(change: Rewritten, result: Body, there: Body, is_image: IsImage) -> list[Any]:
    mine = _listed(result)
    left = _listed(there)
    merged: list[Any] = []
    for variable in mine:
        same = _counterpart(variable, left, change, is_image)
        if same is None:
            merged.append(variable)
        else:
            left.remove(same)
            scope = {"Scope": same["Scope"]} if "Scope" in variable and _scope(same) != _scope(variable) else {}
            merged.append(variable | scope | ({"Id": same["Id"]} if "Id" in same else {}))
    return [*merged, *left]


def _listed(body: Body) -> list[Any]:
    found = body.get("Variables")
    return list(found) if isinstance(found, list) else []


def _counterpart(variable: Any, left: list[Any], change: Rewritten, is_image: IsImage) -> Any:
    named = [other for other in left if _name(other) == _name(variable)]
    exact = next((other for other in named if _scope(other) == _scope(variable)), None)
    narrowed = _narrowed_scopes(variable, change)
    if exact is not None or not narrowed:
        return exact
    wider = [other for other in named if _only_unseen_more(_scope(variable), _scope(other), narrowed, is_image)]
    return wider[0] if len(wider) == 1 else None


def _narrowed_scopes(variable: Any, change: Rewritten) -> set[str]:
    """
    Return the kinds of a variable's scope that lost ids on the way to the target.
    """
    own = f"[{variable.get('Id')}]" if isinstance(variable, dict) else ""
    scopes = [path for path in change.narrowed if len(path) == 4 and (path[0], path[2]) == ("Variables", "Scope")]
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


def _name(variable: Any) -> Any:
    return fold(variable.get("Name")) if isinstance(variable, dict) else None


def _scope(variable: Any) -> dict[str, frozenset[str]]:
    scope = variable.get("Scope") if isinstance(variable, dict) else None
    if not isinstance(scope, dict):
        return {}
    return {
        kind: frozenset(fold(v) for v in values)
        for kind, values in scope.items()
        if isinstance(values, list) and values
    }


def _without_doubles(variables: list[Any]) -> list[Any]:
    """
    Return the variables, each declaration with the same name, scope and value only once.
    """
    kept: dict[Any, Any] = {}
    for index, variable in enumerate(variables):
        scope = tuple(sorted((kind, tuple(sorted(values))) for kind, values in _scope(variable).items()))
        value = variable.get("Value") if isinstance(variable, dict) else index
        kept.setdefault((_name(variable), scope, repr(value) if isinstance(value, (dict, list)) else value), variable)
    return list(kept.values())
