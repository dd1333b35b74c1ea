"""
Sample content: library variable sets, script modules, step templates and their versions.

Invented throughout.
"""

from __future__ import annotations

from typing import Any

from auditor.demo.builder import Builder, guid
from auditor.demo.content.library import ACCOUNTS

LIBRARY_SETS = {
    "LibraryVariableSets-1": "Shared endpoints",
    "LibraryVariableSets-2": "Monitoring: keys & hosts",
    "LibraryVariableSets-3": "Tenant defaults",
}
MODULES = {
    "LibraryVariableSets-21": ("Retry helpers", "PowerShell"),
    "LibraryVariableSets-22": ("shell-common", "Bash"),
    "LibraryVariableSets-23": ("Слова/words", "Python"),
}
_MODULE_BODIES = {
    "PowerShell": (
        "function Invoke-Again([scriptblock] $Work, [int] $Times = 3) {\r\n"
        "  foreach ($turn in 1..$Times) {\r\n"
        '    try { return & $Work } catch { Write-Warning "turn $turn failed: $_" }\r\n'
        "  }\r\n"
        "  throw 'no turn succeeded'\r\n"
        "}\r\n"
    ),
    "Bash": 'say() {\n  printf "%s %s\\n" "$(date +%T)" "$*"\n}\n\nneed() {\n  command -v "$1" >/dev/null || exit 3\n}',
    "Python": 'def words(text):\n  """Слова по порядку."""\n  return [part for part in text.split() if part]\n',
}


def add_sets(build: Builder) -> None:
    """
    Write all of it.
    """
    _variable_sets(build)
    _script_modules(build)
    _step_templates(build)
    _community_templates(build)


def template(owner: str, name: str, control: str = "SingleLineText", default: Any = None) -> dict[str, Any]:
    """
    Return a variable template; its id is the GUID that tenants' values refer to.
    """
    return {
        "Id": guid(f"template {owner} {name}"),
        "Name": name,
        "Label": name.replace(".", " "),
        "HelpText": f"Fill in {name}.",
        "DefaultValue": default,
        "DisplaySettings": {"Octopus.ControlType": control},
    }


def plain(owner: str, name: str, value: str, **scope: list[str]) -> dict[str, Any]:
    """
    Return an ordinary text variable; an empty scope is left out, as the server does.
    """
    where = " ".join(f"{key}={','.join(ids)}" for key, ids in scope.items())
    variable: dict[str, Any] = {"Id": guid(f"variable {owner} {name} {where}"), "Name": name, "Value": value}
    if scope:
        variable["Scope"] = scope
    return variable | {"Type": "String"}


def _add_set(build: Builder, owner: str, version: int, variables: list[dict[str, Any]]) -> None:
    related = [id_ for variable in variables for ids in variable.get("Scope", {}).values() for id_ in ids]
    build.add(
        "VariableSet",
        Id=f"variableset-{owner}",
        OwnerId=owner,
        Version=version,
        IsFrozen=False,
        RelatedDocumentIds=list(dict.fromkeys(related)),
        Variables=variables,
    )


def _variable_sets(build: Builder) -> None:
    templates = {
        "LibraryVariableSets-3": [
            template("LibraryVariableSets-3", "Tenant.Alias"),
            template("LibraryVariableSets-3", "Tenant.ApiToken", "Sensitive", build.sensitive("default tenant token")),
            template("LibraryVariableSets-3", "Tenant.CloudAccount", "AzureAccount", ACCOUNTS["AzureServicePrincipal"]),
        ]
    }
    for number, (id_, name) in enumerate(LIBRARY_SETS.items(), start=3):
        build.add(
            "LibraryVariableSet",
            Id=id_,
            Name=name,
            VariableSetId=f"variableset-{id_}",
            ContentType="Variables",
            Description=f"Used by many projects ({name})",
            Templates=templates.get(id_, []),
        )
        hosts = [
            plain(id_, "Broker.Host", f"broker-{env[-1]}.example.com", Environment=[env])
            for env in ("Environments-1", "Environments-2", "Environments-21")
        ]
        secret = plain(id_, "Broker.Password", build.secret(f"broker password {id_}"), Environment=["Environments-21"])
        regional = plain(id_, "Region.Text", "grüezi", TenantTag=["TagSets-1/Tags-2"])
        _add_set(build, id_, number, [*hosts, secret | {"Type": "Sensitive"}, regional])


def _script_modules(build: Builder) -> None:
    for id_, (name, language) in MODULES.items():
        build.add(
            "LibraryVariableSet",
            Id=id_,
            Name=name,
            VariableSetId=f"variableset-{id_}",
            ContentType="ScriptModule",
            Description=f"{language} functions",
            Templates=[],
        )
        body = plain(id_, f"Octopus.Script.Module[{name}]", _MODULE_BODIES[language])
        syntax = plain(id_, f"Octopus.Script.Module.Language[{name}]", language)
        _add_set(build, id_, 2, [body, syntax])


def _step_templates(build: Builder) -> None:
    warm_up = {
        "Octopus.Action.Script.ScriptSource": "Inline",
        "Octopus.Action.Script.Syntax": "PowerShell",
        "Octopus.Action.Script.ScriptBody": "Invoke-WebRequest #{WarmUp.Url} -UseBasicParsing | Out-Null\r\n",
        "WarmUp.Header": build.sensitive("warm-up header"),
    }
    token = build.sensitive("warm-up token")
    templates: list[tuple[str, str, str, int, dict[str, Any], list[dict[str, Any]]]] = [
        (
            "ActionTemplates-1",
            "Warm up: a web site",
            "Octopus.Script",
            3,
            warm_up,
            [template("warm up", "WarmUp.Url"), template("warm up", "WarmUp.Token", "Sensitive", token)],
        ),
        (
            "ActionTemplates-2",
            "Tell the chat",
            "Octopus.Script",
            1,
            {
                "Octopus.Action.Script.ScriptSource": "Inline",
                "Octopus.Action.Script.Syntax": "Bash",
                "Octopus.Action.Script.ScriptBody": 'curl -sS "$hook" -d "text=#{Octopus.Release.Number} is live"\n',
            },
            [template("chat", "Chat.Account", "AmazonWebServicesAccount", ACCOUNTS["AmazonWebServicesAccount"])],
        ),
        (
            "ActionTemplates-21",
            "Unpack/install",
            "Octopus.TentaclePackage",
            2,
            {"Octopus.Action.Package.FeedId": "feeds-builtin", "Octopus.Action.Package.PackageId": "#{Package}"},
            [template("unpack", "Package", "Package")],
        ),
    ]
    number = 0
    for id_, name, kind, latest, properties, parameters in templates:
        rest = {"Description": f"{name}, for all", "Properties": properties, "Parameters": parameters, "Packages": []}
        build.add(
            "ActionTemplate",
            Id=id_,
            Name=name,
            Version=latest,
            ActionType=kind,
            CommunityActionTemplateId="CommunityActionTemplates-1" if id_ == "ActionTemplates-2" else None,
            **rest,
        )
        for version in range(1, latest + 1):
            number += 1
            build.add(
                "ActionTemplateVersion",
                Id=f"ActionTemplateVersions-{number}",
                Name=name,
                Version=version,
                LatestActionTemplateId=id_,
                ActionType=kind,
                **rest,
            )


def _community_templates(build: Builder) -> None:
    build.add(
        "CommunityActionTemplate",
        Id="CommunityActionTemplates-1",
        Name="Chat - Send a line",
        ExternalId=guid("community chat"),
        Type="Octopus.Script",
        Author="somebody",
        Version=7,
        Website="/step-templates/chat-send-a-line",
        HistoryUrl=None,
        Properties={"Octopus.Action.Script.Syntax": "Bash", "Octopus.Action.Script.ScriptBody": "echo line\n"},
        Parameters=[],
    )
