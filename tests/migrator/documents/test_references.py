"""
Which ids a document mentions, and rewriting them: laws over made-up bodies, and each form of reference.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.documents.document import places
from migrator.documents.references import Controls, Slot, clone, mentions, rewrite, slots
from migrator.maps import CONFIGURATION, REGISTRY
from migrator.maps.document_map import DocumentMap

NOTHING = Controls()


def sample(document_map: DocumentMap) -> dict[str, Any]:
    """
    Return a body that has one id at each place the map names.
    """
    body: dict[str, Any] = {}
    for number, reference in enumerate(document_map.references):
        if reference.form in ("known", "json"):
            continue
        parts = reference.path.split("/")
        holder: Any = body
        for part, after in pairwise(parts):
            fresh: Any = [] if after == "*" and (part, after) != ("ProjectEnvironments", "*") else {}
            holder = _first(holder, fresh) if part == "*" else holder.setdefault(part, fresh)
        value = f"Some-{number + 1}"
        if parts[-1] == "*":
            holder.append(value)
        elif parts[-1] == "~":
            holder[value] = []
        else:
            holder[parts[-1]] = value
    return body


def _first(holder: Any, fresh: Any) -> Any:
    if isinstance(holder, dict):
        return holder.setdefault("Some-0", fresh)
    if not holder:
        holder.append(fresh)
    return holder[0]


@pytest.mark.parametrize("document_map", CONFIGURATION, ids=lambda item: item.type)
def test_every_place_the_map_names_is_found_and_rewritten(document_map: DocumentMap) -> None:
    """
    For each type: each reference of the map is a mention, and rewriting changes each and nothing else.
    """
    body = sample(document_map)
    before = clone(body)
    found = [mention.id for mention in mentions(document_map, body, NOTHING)]

    changed = rewrite(document_map, body, lambda slot: [f"New-{text}" for text in slot.ids], NOTHING)

    assert body == before
    assert [m.id for m in mentions(document_map, changed, NOTHING)] == [f"New-{text}" for text in found]
    wanted = [r for r in document_map.references if r.form not in ("known", "json")]
    assert len(found) >= len(wanted)


@pytest.mark.parametrize("document_map", CONFIGURATION, ids=lambda item: item.type)
def test_rewriting_by_the_same_ids_changes_nothing(document_map: DocumentMap) -> None:
    """
    The identity is the identity, for every type.
    """
    body = sample(document_map)

    assert rewrite(document_map, body, lambda slot: slot.ids, NOTHING) == body


@given(ids=st.lists(st.sampled_from(["A-1", "A-2", "#{x}", "", " "]), max_size=5))
def test_csv_keeps_what_is_no_id(ids: list[str]) -> None:
    """
    In a list inside a text, expressions and blanks stay, and only ids are offered for rewriting.
    """
    name = "Octopus.Action.Manual.ResponsibleTeamIds"
    body = {"Steps": [{"Actions": [{"Properties": {name: ",".join(ids)}}]}]}
    document_map = REGISTRY["DeploymentProcess"]

    changed = rewrite(document_map, body, lambda slot: [text.lower() for text in slot.ids], NOTHING)

    text = places(changed, f"Steps/*/Actions/*/Properties/{name}")[0].value
    assert text.split(",") == [part.lower() if part.startswith("A") else part for part in ",".join(ids).split(",")]


def test_expressions_are_never_references() -> None:
    """
    ``#{...}`` is left alone wherever an id could stand.
    """
    body = {
        "Steps": [
            {"Actions": [{"WorkerPoolId": "#{Pool}", "Properties": {"Octopus.Action.Package.FeedId": "#{Feed}"}}]}
        ]
    }

    assert mentions(REGISTRY["DeploymentProcess"], body, NOTHING) == []


def test_dropping_a_key_drops_its_value() -> None:
    """
    A dictionary keyed by ids loses the entries whose key goes.
    """
    body = {"ProjectEnvironments": {"Projects-1": ["Environments-1"], "Projects-2": []}}

    def decide(slot: Slot) -> list[str | None]:
        return [None if text == "Projects-1" else text for text in slot.ids]

    assert rewrite(REGISTRY["Tenant"], body, decide, NOTHING) == {"ProjectEnvironments": {"Projects-2": []}}


def test_unknown_variable_type_holds_an_id_only_if_it_exists() -> None:
    """
    The value of a variable of a type nobody knows is a reference exactly when such a document is known.
    """
    controls = Controls()
    controls.add(REGISTRY["Account"], "Accounts-1", {})
    body = {
        "Variables": [{"Name": "A", "Type": "NewAccount", "Value": value} for value in ("Accounts-1", "Accounts-2")]
    }

    assert [slot.ids for slot in slots(REGISTRY["VariableSet"], body, controls)] == [("Accounts-1",)]


def test_ids_in_json_are_found_whatever_the_case_of_their_key() -> None:
    """
    A feed is found in a text of JSON under ``FeedId`` and ``feedId``; what stands around it keeps its form.
    """
    text = '[ {"ContainerImageReference": {"ReferenceId": "r", "feedId":  "Feeds-8"}} ]'
    name = "Octopus.Action.Aws.Ecs.Deploy.Containers"
    body = {"Steps": [{"Actions": [{"Properties": {name: text, "My.Package": '{"FeedId":"Feeds-8"}'}}]}]}

    new = rewrite(REGISTRY["DeploymentProcess"], body, lambda slot: ["Feeds-501" for _ in slot.ids], NOTHING)

    properties = new["Steps"][0]["Actions"][0]["Properties"]
    assert properties == {name: text.replace("Feeds-8", "Feeds-501"), "My.Package": '{"FeedId":"Feeds-501"}'}


def test_a_package_parameters_default_names_a_feed() -> None:
    """
    The default of a package parameter is JSON, and its feed is a reference.
    """
    template = {
        "Name": "My.Package",
        "DefaultValue": '{"PackageId":"App","FeedId":"Feeds-8"}',
        "DisplaySettings": {"Octopus.ControlType": "Package"},
    }

    found = mentions(REGISTRY["ActionTemplate"], {"Parameters": [template]}, NOTHING)

    assert [(item.id, item.targets) for item in found] == [("Feeds-8", ("Feed",))]


def test_inputs_of_a_step_package_are_walked_to_their_leaves() -> None:
    """
    However deep an account stands in a step package's inputs, it is found if it is a known id; other texts are not.
    """
    controls = Controls(known={"accounts-1": "Account"})
    inputs = {"authentication": [{"credentials": {"account": "Accounts-1", "region": "eu-1"}}]}
    body = {"Steps": [{"Actions": [{"Inputs": inputs}]}]}

    found = mentions(REGISTRY["DeploymentProcess"], body, controls)

    assert [(item.id, item.targets) for item in found] == [("Accounts-1", ("Account",))]


def _found(type_: str, body: dict[str, Any], controls: Controls | None = None) -> list[tuple[str, str]]:
    some = mentions(REGISTRY[type_], body, controls or Controls())
    return sorted({(mention.targets[0], mention.id) for mention in some})


def _action(**properties: str) -> dict[str, Any]:
    return {"Steps": [{"Actions": [{"Id": "a", "Properties": properties}]}]}


TEMPLATE = {"ActionTemplates-1": {"Cloud": "Account", "Pool": "WorkerPool"}}
LOWERED = {key.lower(): value for key, value in TEMPLATE.items()}


@pytest.mark.parametrize(
    ("type_", "body", "expected"),
    [
        pytest.param(
            "DeploymentProcess",
            _action(**{"Octopus.Action.Aws.Ecs.Deploy.Containers": '[{"Image": {"FEEDID": "Feeds-1"}}]'}),
            [("Feed", "Feeds-1")],
            id="JSON inside a text, blind to the case of its key",
        ),
        pytest.param(
            "DeploymentProcess",
            _action(**{"Template.Package": '{"PackageId": "x", "FeedId": "Feeds-1"}'}),
            [("Feed", "Feeds-1")],
            id="a package parameter in any property",
        ),
        pytest.param(
            "DeploymentProcess",
            _action(**{"Template.Package": '{"PackageId": "x", "FeedId": "#{Feed}"}'}),
            [],
            id="an expression inside JSON",
        ),
        pytest.param(
            "DeploymentProcess",
            _action(**{"Octopus.Action.Template.Id": "ActionTemplates-1", "Cloud": "Accounts-7", "Pool": "#{Pool}"}),
            [("Account", "Accounts-7"), ("ActionTemplate", "ActionTemplates-1")],
            id="a property whose template declares a control type",
        ),
        pytest.param(
            "DeploymentProcess",
            _action(**{"Octopus.Action.Email.ToTeamIds": "Teams-1, #{Team},Teams-2"}),
            [("Team", "Teams-1"), ("Team", "Teams-2")],
            id="a list in a text",
        ),
        pytest.param(
            "Machine",
            {"Endpoint": {"Inputs": {"authentication": {"credentials": {"type": "account", "account": "Accounts-3"}}}}},
            [("Account", "Accounts-3")],
            id="nested inputs",
        ),
        pytest.param(
            "DeploymentFreeze",
            {"ProjectEnvironmentScope": {"Projects-1": ["Environments-2"]}},
            [("DeploymentEnvironment", "Environments-2"), ("Project", "Projects-1")],
            id="keys of a dictionary and the lists behind them",
        ),
    ],
)
def test_ids_are_found_in_every_form(type_: str, body: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    """
    An id counts in whatever form the server keeps it; an expression in its place never does.
    """
    assert _found(type_, body, Controls(parameters=LOWERED)) == expected


def test_inputs_of_step_packages_in_a_template_and_a_feed_filter() -> None:
    """
    Inputs hold ids at any depth, in a step template as in a process; a trigger's filter may name an action by its id.
    """
    known = Controls(known={"accounts-1": "Account"})
    template = {"Id": "ActionTemplates-1", "Inputs": {"target": [{"account": "Accounts-1", "name": "x"}]}}
    assert [item.id for item in mentions(REGISTRY["ActionTemplate"], template, known)] == ["Accounts-1"]
    trigger = {"Id": "ProjectTriggers-1", "Filter": {"Packages": [{"DeploymentAction": "a-1"}]}}
    assert [(item.targets, item.id) for item in mentions(REGISTRY["ProjectTrigger"], trigger, NOTHING)] == [
        (("Action",), "a-1")
    ]
