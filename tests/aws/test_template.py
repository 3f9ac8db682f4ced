"""The template says what the code says: schedules, handlers, settings and routes, each in both directions."""

import importlib
import json
import os
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import pytest
from chalice.app import CloudWatchEvent
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from templates import ROOT, TEMPLATE, Resource, containers, load

from functions.package import SHARED
from functions.schedules.app import app as schedules_app
from functions.triggers.app import UPLOADED
from oddline.catalogue import CATALOGUE
from oddline.local.schedule_runner import event
from oddline.settings import Settings

SCHEDULES = "functions.schedules.app."
TRIGGERS = {"LogEvents", "UploadedFiles"}
HTTP = {"Ingest": "ingest", "Console": "console", "Search": "search"}  # function → its package and its database role

# The settings that stand in no template, by the reason why.
NOT_IN_TEMPLATES = {
    "the local stack's alone": {"host", "port", "postgres_version", "aws_endpoint_url"},
    "the image says it": {"model_folder"},
    "a secret holds it, beside the URLs": {"hmac_secret"},
    "workers on AWS send by SES": {"smtp_url"},
    "the default fits": {
        "publish_timeout",
        "publish_pause",
        "body_object_bytes",
        "file_bytes",
        "file_days",
        "file_backlog",
        "threads",
        "known_after_days",
        "known_days",
        "sequence_gap",
        "sequence_alarms",
        "rate_alarms",
        "rate_warm_up",
        "lease",
        "cancel_grace",
        "oidc_algorithms",
        "limit_key_ingest",
        "limit_key_read",
        "limit_key_write",
        "limit_project_ingest",
        "limit_project_read",
        "limit_project_write",
        "limit_entries_a_day",
        "limit_bytes_a_day",
        "limit_failures",
        "outgoing_allowed",
        "connections_as_worker",
        "soft_shutdown_timeout",
        "worker_prefetch",
        "worker_max_tasks_per_child",
        "worker_max_memory_per_child_kb",
        "task_retries",
        "task_retry_base",
        "short_soft_limit",
        "short_hard_limit",
        "file_soft_limit",
        "file_hard_limit",
        "scan_soft_limit",
        "scan_hard_limit",
        "results_kept",
        "vcpu_second_price",
    },
    "LoggingConfig says it": {"log_level"},
}


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return load(TEMPLATE)


@pytest.fixture(scope="module")
def functions(template: dict[str, Any]) -> dict[str, Resource]:
    """The functions' properties, with the variables that all of them have."""
    shared = template["Globals"]["Function"]["Environment"]["Variables"]
    found = {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    return {
        name: function | {"Variables": shared | function["Environment"]["Variables"]}
        for name, function in found.items()
    }


def entry_point(function: Resource) -> str:
    command: str = function["ImageConfig"]["Command"][0] if "ImageConfig" in function else function["Handler"]
    return command


def routes_of(application: FastAPI) -> list[tuple[str, str]]:
    """Method and path of each route, as API Gateway writes them."""
    return [
        (method, str(route.path).replace(":path}", "+}"))
        for route in iter_route_contexts(application.routes)
        for method in route.methods or ()
    ]


def events(function: Resource, kind: str) -> list[Resource]:
    return [found.get("Properties", {}) for found in function.get("Events", {}).values() if found["Type"] == kind]


def schedules(functions: dict[str, Resource]) -> Iterator[tuple[str, Resource]]:
    """Each schedule with the task whose handler it calls."""
    for function in functions.values():
        for schedule in events(function, "ScheduleV2"):
            yield entry_point(function).removeprefix(SCHEDULES), schedule


def variables_of(container: Resource) -> Iterator[Resource]:
    for variable in [*container.get("Environment", []), *container.get("Secrets", [])]:
        yield variable["Fn::If"][1] if "Fn::If" in variable else variable


def named_in(node: Any) -> Iterator[str]:
    """Everything that a `Ref` or a `${…}` names."""
    if isinstance(node, list):
        for item in node:
            yield from named_in(item)
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        if key == "Ref":
            yield value
        elif key == "Fn::GetAtt":
            yield value[0]
        elif key == "Fn::Sub":
            text, values = value if isinstance(value, list) else (value, {})
            yield from set(re.findall(r"\$\{([^}]+)\}", text)) - values.keys()
            yield from named_in(values)
        else:
            yield from named_in(value)


def test_every_reference_names_something(template: dict[str, Any]) -> None:
    # cfn-lint does not look into policies and merged variables.
    pseudo = {"AWS::AccountId", "AWS::Partition", "AWS::Region", "AWS::StackName", "AWS::URLSuffix"}
    named = {name.partition(".")[0] for name in named_in(template)}

    assert named - pseudo - template["Resources"].keys() == template["Parameters"].keys()


def test_schedules_are_those_of_the_catalogue_and_of_chalice(functions: dict[str, Resource]) -> None:
    in_template = [(task, schedule["ScheduleExpression"]) for task, schedule in schedules(functions)]

    in_catalogue = [(spec.name, schedule.expression) for spec, schedule in CATALOGUE.scheduled()]
    in_chalice = [
        (source.name, source.schedule_expression)
        for source in schedules_app.event_sources
        if source.name != "user_schedule"  # whose schedules stand in the database
    ]
    assert sorted(in_template) == sorted(in_catalogue) == sorted(in_chalice)


def test_every_schedule_sends_the_event_that_chalice_needs(functions: dict[str, Resource]) -> None:
    members = event("any", at=datetime(2026, 11, 4, tzinfo=UTC)).keys()

    for task, schedule in schedules(functions):
        sent = json.loads(schedule["Input"]["Fn::Sub"])

        assert sent.keys() == members, task
        assert CloudWatchEvent(sent, None).resources == ["<aws.scheduler.schedule-arn>"]


def test_every_schedule_is_named_after_its_stack_and_task(functions: dict[str, Resource]) -> None:
    for task, schedule in schedules(functions):
        assert schedule["Name"] == {"Fn::Sub": f"${{AWS::StackName}}-{task}"}


def test_every_handler_is_there_to_be_called(functions: dict[str, Resource]) -> None:
    for function in functions.values():
        module, _, name = entry_point(function).rpartition(".")

        assert callable(getattr(importlib.import_module(module), name))


@pytest.mark.parametrize(("function", "package"), HTTP.items())
def test_routes_are_those_of_the_application(functions: dict[str, Resource], function: str, package: str) -> None:
    module = importlib.import_module(f"functions.{package}.app")

    in_template = [
        (route["Method"], route["Path"]) for route in events(functions[function], "HttpApi") if "Path" in route
    ]

    assert sorted(in_template) == sorted(routes_of(module.app))
    assert entry_point(functions[function]) == f"functions.{package}.app.handler"


@pytest.mark.parametrize("package", HTTP.values())
def test_no_start_up_is_run_again_at_each_invocation(package: str) -> None:
    assert importlib.import_module(f"functions.{package}.app").handler.lifespan == "off"


def test_only_http_functions_have_routes_and_the_console_answers_for_unknown_paths(
    functions: dict[str, Resource],
) -> None:
    with_routes = {name for name, function in functions.items() if events(function, "HttpApi")}
    with_default = [
        name
        for name, function in functions.items()
        if any("Path" not in route for route in events(function, "HttpApi"))
    ]

    assert with_routes == HTTP.keys()
    assert with_default == ["Console"]


def test_every_setting_stands_in_a_template_or_in_the_list_that_says_why_not(functions: dict[str, Resource]) -> None:
    of_functions = {name for function in functions.values() for name in function["Variables"]}
    of_tasks = {variable["Name"] for each in containers() for variable in variables_of(each)}

    set_here = {
        name.removeprefix("ODDLINE_").lower() for name in of_functions | of_tasks if name.startswith("ODDLINE_")
    }

    assert sorted([*set_here, *chain.from_iterable(NOT_IN_TEMPLATES.values())]) == sorted(Settings.model_fields)


def test_every_function_has_the_settings_that_all_need(functions: dict[str, Resource]) -> None:
    needed = {
        "ODDLINE_SECRETS",
        "ODDLINE_DATABASE_POOL_SIZE",
        "ODDLINE_OBJECTS_URL",
        "ODDLINE_TRACING",
        "ODDLINE_METRICS",
        "SECRETS_MANAGER_TTL",
    }
    signing_in = {"ODDLINE_OIDC_ISSUER", "ODDLINE_OIDC_AUDIENCE", "ODDLINE_OIDC_ROLE_CLAIM"}
    more = {
        "Ingest": {"ODDLINE_LEGACY_PROJECT"},
        "SealAudit": {"ODDLINE_AUDIT_URL", "ODDLINE_AUDIT_DAYS"},
        "Console": {"ODDLINE_OPERATOR_PROJECT"} | signing_in,
        "Search": signing_in,
        "WatchSchedules": {"ODDLINE_SCHEDULE_GROUP", "ODDLINE_SCHEDULE_TARGET", "ODDLINE_SCHEDULE_ROLE"},
        "LogEvents": {"ODDLINE_TRIGGER_PROJECT", "ODDLINE_TRIGGER_SOURCES"},
        "UploadedFiles": {"ODDLINE_TRIGGER_PROJECT"},
    }

    for name, function in functions.items():
        assert function["Variables"].keys() == needed | more.get(name, set())


def test_every_function_has_the_secret_of_its_own_database_role(functions: dict[str, Resource]) -> None:
    for name, function in functions.items():
        side = "Ingest" if name in TRIGGERS else HTTP.get(name, "worker").capitalize()

        assert function["Variables"]["ODDLINE_SECRETS"] == {"Fn::GetAtt": ["Data", f"Outputs.{side}Settings"]}


def test_uploads_are_told_by_the_rule_that_chalice_names(functions: dict[str, Resource]) -> None:
    [rule] = events(functions["UploadedFiles"], "EventBridgeRule")

    detail = rule["Pattern"]["detail"]
    assert detail.pop("bucket") == {"name": [{"Fn::GetAtt": ["Data", "Outputs.Bucket"]}]}
    assert rule["Pattern"] == UPLOADED


def test_what_no_trigger_could_take_is_kept(template: dict[str, Any], functions: dict[str, Resource]) -> None:
    for name in TRIGGERS:
        destination = functions[name]["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]
        assert destination == {"Type": "SQS", "Destination": {"Fn::GetAtt": ["FailedEvents", "Arn"]}}
    assert template["Resources"]["FailedEvents"]["Properties"]["SqsManagedSseEnabled"] is True


def test_erasures_are_told_for_how_long_that_is_kept(template: dict[str, Any]) -> None:
    days = {
        variable["Value"]
        for each in containers()
        for variable in variables_of(each)
        if variable["Name"] == "ODDLINE_FAILED_EVENT_DAYS"
    }

    [kept] = days
    assert int(kept) * 86_400 == template["Resources"]["FailedEvents"]["Properties"]["MessageRetentionPeriod"]


def test_no_log_group_is_subscribed_unless_it_is_named(template: dict[str, Any]) -> None:
    assert template["Parameters"]["SubscribedLogGroup"]["Default"] == ""
    for name in ("LogSubscription", "LogSubscriptionPermission"):
        assert template["Resources"][name]["Condition"] == "HasSubscription"


def test_sam_builds_each_zip_of_the_folder_that_its_handler_is_in(
    template: dict[str, Any], functions: dict[str, Resource]
) -> None:
    for name, function in functions.items():
        if "ImageConfig" in function:
            continue
        command = ["make", "--dry-run", "--no-print-directory", f"build-{name}", "ARTIFACTS_DIR=there"]
        said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()

        assert template["Resources"][name]["Metadata"]["BuildMethod"] == "makefile"
        assert said[-1] == entry_point(function).split(".")[1]
        assert said[-1] in SHARED


def test_packages_are_for_the_python_and_processor_that_the_template_names(template: dict[str, Any]) -> None:
    said = subprocess.run(
        ["make", "--dry-run", "build-Ingest", "ARTIFACTS_DIR=there"],
        cwd=ROOT, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip

    assert f"python{said[said.index('--python') + 1]}" == template["Globals"]["Function"]["Runtime"]
    assert said[said.index("--architecture") + 1] == template["Parameters"]["Architecture"]["Default"]
