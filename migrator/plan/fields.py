"""
Single fields that only the target can decide: addresses that are taken, which document is the default.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from migrator.documents.document import Body
from migrator.documents.stored import Stored
from migrator.maps.natural_keys import fold
from migrator.plan.match import Match
from migrator.plan.target_view import TargetView
from migrator.report import ReportedWarning
from migrator.tree.values import TreeDocument

SLUG, DEFAULT = "Slug", "IsDefault"
_ONE_DEFAULT = frozenset(("MachinePolicy", "WorkerPool", "Space"))


@dataclass
class Fields:
    """
    What the target has taken, and what of it is kept; filled batch by batch.
    """

    slugs: dict[tuple[str, str, str | None], set[str]] = field(default_factory=dict)
    """Type, folded slug, space: the ids that have it."""
    defaults: dict[str, str | None] = field(default_factory=dict)
    chosen: dict[str, str] = field(default_factory=dict)
    kept_versions: dict[str, int] = field(default_factory=dict)
    kept_templates: dict[tuple[str, str], set[str]] = field(default_factory=dict)

    def look(self, target: TargetView, matches: Sequence[Match]) -> None:
        """
        Ask the target about the fields of some documents of one type.
        """
        type_ = matches[0].document.map.type
        if target.has_column(type_, SLUG):
            wanted = [slug for m in matches if isinstance(slug := m.document.body.get(SLUG), str) and slug]
            for identity, slug in target.taken(type_, SLUG, wanted):
                self.slugs.setdefault((type_, fold(slug), None), set()).add(identity.lower())
        if type_ in _ONE_DEFAULT and type_ not in self.defaults:
            self.defaults[type_] = target.first_default(type_, None)


def own_fields(
    fields: Fields, document: TreeDocument, final: Body, stored: Stored | None, warnings: list[ReportedWarning] | None
) -> Body:
    """
    Return the document with an address nobody else has, and as the default only if there is no other.
    """
    final = _address(fields, document, final, stored, warnings)
    default = fields.defaults.get(document.map.type)
    if final.get(DEFAULT) is True and stored is None and default is not None:
        message = f"the target's default ({default}) stays the default"
        _warn(warnings, document, DEFAULT, message)
        return final | {DEFAULT: False}
    return final


def _address(
    fields: Fields, document: TreeDocument, final: Body, stored: Stored | None, warnings: list[ReportedWarning] | None
) -> Body:
    slug = final.get(SLUG)
    own = (stored.id if stored else f"{document.origin}\n{document.id}").lower()
    if not isinstance(slug, str) or not slug:
        return final
    if own in fields.chosen:
        return final | {SLUG: fields.chosen[own]}
    others = fields.slugs.get((document.map.type, fold(slug), None), set()) - {own}
    if not others:
        fields.slugs.setdefault((document.map.type, fold(slug), None), set()).add(own)
        fields.chosen[own] = slug
        return final
    fresh: Any = stored.body.get(SLUG) if stored else None
    number = 1
    while not fresh or fields.slugs.get((document.map.type, fold(fresh), None), set()) - {own}:
        number += 1
        fresh = f"{slug}-{number}"
    fields.slugs.setdefault((document.map.type, fold(fresh), None), set()).add(own)
    fields.chosen[own] = fresh
    _warn(warnings, document, SLUG, f"the address {slug} is another document's on the target; it is {fresh} there")
    return final | {SLUG: fresh}


def _warn(warnings: list[ReportedWarning] | None, document: TreeDocument, path: str, message: str) -> None:
    if warnings is not None:
        warnings.append(ReportedWarning(document.id, path, message))
