"""
How documents belong together: what comes with what, and what is only named. Shapes only; the facts are in the maps.

How these rules are followed is in ``selection`` for a database and in ``tree.restrict`` for a tree.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Joined:
    """
    A list that a newer server keeps in a table of its own, a row for each element, and that is a part of its owner.

    ``property`` may be inside of another one, as ``Scope/EnvironmentIds``. ``owner`` and ``value`` are columns of that
    table, as is ``order``, where it has one.
    """

    property: str
    table: str
    owner: str
    value: str
    order: str = "SortOrder"


@dataclass(frozen=True)
class Part:
    """
    Documents of ``type`` that name their owner in ``column`` and come with it, though it does not name them.
    """

    type: str
    column: str


@dataclass(frozen=True)
class TypedBy:
    """
    Whose value ``Value`` is: one for the variable ``template`` of ``owner``, which says what it means.

    ``related`` names the document that the value names, where the server knows it. All are properties.
    """

    owner: str
    template: str
    related: str


@dataclass(frozen=True)
class Snapshot:
    """
    A place that names a frozen copy of ``type``, which stands in the same folder.

    Its file is called ``file``, made of ``{snapshot}`` (the type's ``snapshot_file``) and ``{id}``.
    """

    path: str
    type: str
    file: str = "{snapshot}"


@dataclass(frozen=True)
class Membership:
    """
    How documents of a type get into a partial export, beyond being referred to. Places are path patterns.
    """

    ignored_with: str = ""
    """The word by which people leave the type out, with others of the same word."""
    named: str = ""
    """Why a mention never brings the document along; empty: it does."""
    connections: tuple[str, ...] = ()
    """Properties that hold ids of projects, as a list or as keys: it comes with each of these, cut off from others."""
    with_both: tuple[str, str] | None = None
    """Columns that name two documents: it comes when both are taken."""
    lifecycle: str = ""
    """The property that names the lifecycle its releases go through."""
    phases: tuple[str, ...] = ()
    """Places of the environments that a lifecycle lets releases go to; without any it is all of them, by convention."""
    goes_to: tuple[str, ...] = ()
    """Places of the environments that it is limited to, or was deployed to."""
    roles: tuple[str, ...] = ()
    """Texts that name the roles of the deployment targets it runs on, joined by commas."""
    by_role: tuple[str, str] | None = None
    """Columns of environments and roles: it comes with what runs on one of its roles in one of its environments."""
    works_in: str = ""
    """The column of the pools it works in: it comes with each of them, unless only one of its own type named that."""
    version: str = ""
    """The property by which it is chosen among those of the chosen projects."""
    follows: str = ""
    """The column of the document it comes with, after everything else was found."""
