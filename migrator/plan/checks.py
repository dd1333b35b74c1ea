"""
What is wrong with a tree, or does not fit the target: all of it, before anything is decided.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from migrator.documents.document import Body
from migrator.documents.stored import is_storable
from migrator.maps import REGISTRY
from migrator.maps.columns_2018 import COLUMNS
from migrator.maps.document_map import DocumentMap, Meaning
from migrator.maps.natural_keys import key_of, owner_of
from migrator.maps.parts import TAKEN_HISTORY
from migrator.plan.context import is_history
from migrator.plan.target_view import TargetView
from migrator.plan.values import ImportOptions
from migrator.report import ReportedWarning
from migrator.tree.values import Problem, Tree, TreeDocument
from migrator.wording import counted

_DEFAULTS: tuple[object, ...] = (None, False, 0, "", [])

Found = tuple[list[Problem], list[Problem], list[ReportedWarning]]


def check_tree(tree: Tree, target: TargetView, options: ImportOptions) -> Found:
    """
    Return problems (``--force`` goes on despite them), refusals (it does not), and warnings.
    """
    problems = [*tree.problems, *_doubles(tree)]
    for document in tree.documents:
        problems.extend(_check(document, target))
    warnings = [ReportedWarning("", "", text) for text in tree.warnings]
    if options.strict or options.force:
        problems.extend(Problem(document.file, "", _unknown(document)) for document in _strangers(tree))
    else:
        warnings.extend(ReportedWarning(document.id, "", _unknown(document)) for document in _strangers(tree))
    refusals = list(_versions(tree, target, options, warnings))
    # Not to be forced: what has no column there would end in the JSON, where that version does not look for it.
    refusals.extend(_older_schema(tree, target))
    return problems, refusals, warnings


def _strangers(tree: Tree) -> Iterator[TreeDocument]:
    return (document for document in tree.documents if not document.map.known)


def _unknown(document: TreeDocument) -> str:
    return f"{document.map.type} is not a type this program knows; it was not imported"


def _versions(
    tree: Tree, target: TargetView, options: ImportOptions, warnings: list[ReportedWarning]
) -> Iterator[Problem]:
    for origin, version in tree.versions:
        # A head that was written by hand may have none, and a database no history of installations.
        if not version or not target.version:
            warnings.append(
                ReportedWarning("", "", "the server's version is not known on both sides and was not compared")
            )
        # Exactly, as the original tool demands: what a version changed in a document cannot be seen from the document.
        elif version.strip() != target.version.strip():
            message = f"the tree is of version {version}, the target of {target.version}"
            if options.ignore_version_check:
                warnings.append(ReportedWarning("", "", f"{message}; imported all the same"))
            else:
                file = f"{origin}/metadata.json" if origin else "metadata.json"
                yield Problem(file, "", f"{message}; bring both to one version, or give --ignore-version-check")


def _doubles(tree: Tree) -> Iterator[Problem]:
    seen: dict[tuple[str, str, str], str] = {}
    for document in tree.documents:
        place = (document.origin, document.map.type, document.id.lower())
        other = seen.setdefault(place, document.file)
        if other != document.file:
            yield Problem(document.file, "Id", f"{document.id} is also the id of {other}; remove one of them")


def _check(document: TreeDocument, target: TargetView) -> Iterator[Problem]:
    if not document.id:
        yield Problem(document.file, "Id", "the document has no id")
    if not document.map.known:
        return
    if place := _unstorable(document, target):
        yield Problem(document.file, place, "no database can hold what stands there; it was not imported")
    for name in key_of(document.map) if _counts(document, target) else ():
        value = document.body.get(name)
        derived = name != "Name" and owner_of(document.map, document.id, document.body)
        # Not these: EnvironmentId, for one, is empty in a tenant's value for all environments.
        if name not in ("Id", "EnvironmentId", "Version", "Thumbprint") and not derived and value in (None, ""):
            yield Problem(document.file, name, f"the document has no {name}, by which it would be found")


def storable(tree: Tree, target: TargetView) -> Tree:
    """
    Return the tree without the documents that no database can hold, which are problems already.
    """
    return replace(tree, documents=tuple(item for item in tree.documents if not _unstorable(item, target)))


def without_gone_spaces(tree: Tree, warnings: list[ReportedWarning]) -> Tree:
    """
    Return the tree without what deleted spaces left behind, which is told in *warnings*, by space.
    """
    left: dict[tuple[str, str], int] = {}
    kept = []
    for document in tree.documents:
        place = (document.origin, document.space or "")
        if place in tree.gone_spaces:
            left[place] = left.get(place, 0) + 1
        else:
            kept.append(document)
    for (_, space), count in sorted(left.items()):
        message = f"{counted(count, 'document')} of {space}, a space that the source has deleted, left out"
        warnings.append(ReportedWarning(space, "", message))
    return replace(tree, documents=tuple(kept))


def _unstorable(document: TreeDocument, target: TargetView) -> str:
    if not is_storable(document.id):
        return "Id"
    # What has no column goes into the JSON, which takes anything that JSON can say.
    wrong = (name for name, value in document.body.items() if not is_storable(value))
    return next((name for name in wrong if target.has_column(document.map.type, name)), "")


def _counts(document: TreeDocument, target: TargetView) -> bool:
    return not _own(document) and not is_history(document.map, document.body)


def _own(document: TreeDocument) -> str:
    return document.map.stays_behind(document.id) or document.map.passing(document.body)


def importable(tree: Tree, target: TargetView, warnings: list[ReportedWarning]) -> Iterator[TreeDocument]:
    """
    Yield the documents that an import considers; others are named in *warnings*.
    """
    left: dict[str, int] = {}
    seen: set[tuple[str, str, str]] = set()
    for document in tree.documents:
        place = (document.origin, document.map.type, document.id.lower())
        if is_history(document.map, document.body):
            if document.map.type in TAKEN_HISTORY and target.has(document.map.type):
                continue
            left[document.map.type] = left.get(document.map.type, 0) + 1
        elif reason := _own(document):
            warnings.append(ReportedWarning(document.id, "", f"never imported: {reason}"))
        elif document.id and document.map.known and target.has(document.map.type) and place not in seen:
            seen.add(place)
            yield document
    for type_, count in sorted(left.items()):
        warnings.append(
            ReportedWarning("", "", f"{counted(count, 'document')} of type {type_}: history, which is not imported")
        )


def _older_schema(tree: Tree, target: TargetView) -> Iterator[Problem]:
    absent: set[str] = set()
    for document in tree.documents:
        document_map = document.map
        if not document_map.known or not _counts(document, target):
            continue
        if not target.has(document_map.type):
            if document_map.type not in absent:
                absent.add(document_map.type)
                yield Problem(
                    document.file, "", f"the target has no table {document_map.type}: it is of an older version"
                )
            continue
        for name in (*COLUMNS.get(document_map.type, ()), "SpaceId"):
            place = f"{document_map.type}.{name}"
            # Without a column nothing is lost where there is nothing to be stored.
            if document.body.get(name) in _DEFAULTS or place in absent or target.has_column(document_map.type, name):
                continue
            if name == "SpaceId" and (document.space is None or document_map.server_wide):
                continue
            absent.add(place)
            yield Problem(document.file, name, f"the target has no column {place}: it is of an older version")


def companions(tree: Tree, created: Iterable[TreeDocument], warnings: list[ReportedWarning]) -> Iterator[TreeDocument]:
    """
    Yield an empty variable set and process for each new owner whose own file is not in the tree.

    No server has an owner without them; one that names none (its process is in git) gets none.
    """
    held = {(item.origin, item.map.type, item.id.lower()) for item in tree.documents}
    for document in created:
        for reference in document.map.references:
            part = REGISTRY[reference.targets[0]]
            identity = document.body.get(reference.path)
            if not part.empty or not isinstance(identity, str) or not identity:
                continue
            if (document.origin, part.type, identity.lower()) not in held:
                message = f"{identity} is not in the tree; an empty one was made"
                warnings.append(ReportedWarning(document.id, reference.path, message))
                body = _owners(part, document) | {"Id": identity} | dict(part.empty)
                yield TreeDocument(part, identity, body, document.file, document.origin, document.space)


def _owners(part: DocumentMap, owner: TreeDocument) -> Body:
    """
    Return the properties by which a part names its owner, and whose that is in turn.
    """
    names = [item.path for item in part.references if item.meaning is Meaning.OWNER]
    shared = {name: owner.body[name] for name in names if name in owner.body}
    return shared | {part.derived_from: owner.id}
