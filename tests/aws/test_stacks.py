"""The nested stacks fit each other and the code: parameters, outputs, queues, containers, variables."""

import importlib.util
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from templates import NESTED, TEMPLATE, containers, load, nested_stacks, resources, spelt, walk

from oddline.cost.model import Deployment
from oddline.settings import Settings
from oddline.tasks import Queue

ALL = {"template": TEMPLATE, **NESTED}
FLOWER_IS_NOT_READ_ONLY = {"flower"}  # infra/flower.yaml says why
SIDECARS = {"xray"}  # another's image


def container(name: str) -> dict[str, Any]:
    [found] = [each for each in containers() if each["Name"] == name]
    return found


def outputs_asked_for(template: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Name of the stack and of its output, wherever a template takes one."""
    for node in walk(template):
        if "Fn::GetAtt" in node and node["Fn::GetAtt"][1].startswith("Outputs."):
            yield node["Fn::GetAtt"][0], node["Fn::GetAtt"][1].removeprefix("Outputs.")
        if "Fn::Sub" in node:
            yield from re.findall(r"\$\{(\w+)\.Outputs\.(\w+)\}", spelt(node))


def test_only_the_alarm_mail_has_no_default_and_it_is_asked_for_first() -> None:
    parameters = load(TEMPLATE)["Parameters"]

    assert [name for name, parameter in parameters.items() if "Default" not in parameter] == ["AlarmEmail"]
    assert next(iter(parameters)) == "AlarmEmail"


def test_every_nested_stack_gets_the_parameters_that_it_needs_and_no_others() -> None:
    for path, name, nested, properties in nested_stacks():
        parameters = load(nested)["Parameters"]
        needed = {one for one, parameter in parameters.items() if "Default" not in parameter}

        assert needed <= properties["Parameters"].keys() <= parameters.keys(), f"{name} in {path.name}"


def test_every_output_that_is_asked_for_is_there() -> None:
    templates = {(path, name): nested for path, name, nested, _ in nested_stacks()}
    asked = {(path, *output) for path in ALL.values() for output in outputs_asked_for(load(path))}

    assert asked
    for path, stack, output in asked:
        assert output in load(templates[path, stack])["Outputs"], f"{stack}.Outputs.{output} in {path.name}"


def test_every_nested_template_belongs_to_the_stack() -> None:
    reached = {nested for _, _, nested, _ in nested_stacks()}

    assert reached == set(NESTED.values())


def test_every_queue_is_served_by_the_workers_of_one_class() -> None:
    served = [
        queue
        for _, _, nested, properties in nested_stacks()
        if nested == NESTED["worker_class"]
        for queue in properties["Parameters"]["Queues"].split(",")
    ]

    assert Counter(served) == Counter(str(queue) for queue in Queue)


def test_every_class_scales_by_its_own_backlog() -> None:
    classes = [
        (name.lower(), properties["Parameters"]["Class"])
        for _, name, nested, properties in nested_stacks()
        if nested == NESTED["worker_class"]
    ]
    policies = resources(NESTED["worker_class"], "AWS::ApplicationAutoScaling::ScalingPolicy")
    tracking = policies["ByBacklog"]["Properties"]["TargetTrackingScalingPolicyConfiguration"]
    metric = tracking["CustomizedMetricSpecification"]

    assert all(name == class_ for name, class_ in classes)
    assert (metric["Namespace"], metric["MetricName"]) == ("Oddline", "BacklogPerTask")
    assert metric["Dimensions"] == [{"Name": "Class", "Value": {"Ref": "Class"}}]


def test_every_container_of_ours_runs_code_that_is_there() -> None:
    modules = set()
    for each in containers():
        if each["Name"] in SIDECARS:
            continue
        run = [*each["EntryPoint"], *map(str, each["Command"])]
        assert run[:2] == ["python", "-m"], each["Name"]
        modules.add(run[2])
        modules.update(run[place + 1] for place, word in enumerate(run) if word == "--app")

    assert modules == {"celery", "worker_image.worker.app", "worker_image.migrate", "worker_image.flower", "oddline"}
    assert all(importlib.util.find_spec(module) for module in modules)


def test_no_container_runs_as_root_or_writes_to_its_root() -> None:
    for each in containers():
        assert each["User"] == "10001:10001", each["Name"]
        assert each.get("ReadonlyRootFilesystem", False) is (each["Name"] not in FLOWER_IS_NOT_READ_ONLY)


def test_a_worker_has_more_time_to_stop_than_its_soft_shutdown_takes() -> None:
    worker = container("worker")

    assert {"Name": "REMAP_SIGTERM", "Value": "SIGQUIT"} in worker["Environment"]
    assert worker["StopTimeout"] > Settings.model_fields["soft_shutdown_timeout"].default


def test_a_worker_is_healthy_by_what_it_has_done() -> None:
    assert container("worker")["HealthCheck"]["Command"] == ["CMD", "python", "-m", "worker_image.worker.healthy"]


def test_the_database_is_migrated_before_any_worker_starts_and_before_any_function_changes() -> None:
    worker = container("worker")
    workers = resources(NESTED["workers"], "AWS::CloudFormation::Stack")
    functions = resources(TEMPLATE, "AWS::Serverless::Function")

    assert worker["DependsOn"]["Fn::If"][:2] == ["Migrates", [{"ContainerName": "migrations", "Condition": "SUCCESS"}]]
    assert load(NESTED["worker_class"])["Conditions"]["Migrates"] == {"Fn::Equals": [{"Ref": "Class"}, "scoring"]}
    assert {name: stack.get("DependsOn") for name, stack in workers.items()} == {
        "Scoring": None,
        "General": "Scoring",
        "Background": "Scoring",
    }
    assert all(function["DependsOn"] == "Workers" for function in functions.values())


def test_every_side_gets_settings_with_its_own_database_role() -> None:
    secrets = resources(NESTED["data"], "AWS::SecretsManager::Secret")
    composed = {
        name: secret["Properties"]["SecretString"]["Fn::Sub"]
        for name, secret in secrets.items()
        if "SecretString" in secret["Properties"]
    }

    for side in ("Ingest", "Console", "Search", "Worker"):
        text, parts = composed[f"{side}Settings"]
        members = json.loads(text.replace("${SecretsVersion}", "1"))
        hmac = {"hmac_secret"} if side == "Ingest" else set()
        assert members.keys() == {"database_url", "redis_url", "encryption_keys", "version"} | hmac
        assert members.keys() - {"version"} <= Settings.model_fields.keys()
        assert members["database_url"].startswith(f"postgresql://oddline_{side.lower()}:${{Password}}@")
        assert spelt(parts["Password"]) == f"{{{{resolve:secretsmanager:${{{side}Password}}:SecretString:password}}}}"
    assert len(composed) == 4


@pytest.mark.parametrize("path", ALL.values(), ids=ALL.keys())
def test_every_check_that_is_skipped_says_why(path: Path) -> None:
    skipped = [
        skip
        for resource in load(path)["Resources"].values()
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
    ]

    for skip in skipped:
        assert skip["id"].startswith("CKV")
        assert skip["comment"].strip()


def test_the_bill_counts_what_is_made() -> None:
    deployment = Deployment()

    def made(kind: str, *stacks: str) -> int:
        return sum(len(resources(NESTED[stack], kind)) for stack in stacks)

    interfaces = [
        endpoint
        for endpoint in resources(NESTED["network"], "AWS::EC2::VPCEndpoint").values()
        if endpoint["Properties"]["VpcEndpointType"] == "Interface"
    ]
    of_owner = 1  # by RDS itself
    assert deployment.secrets == made("AWS::SecretsManager::Secret", "data", "workers") + of_owner
    assert deployment.alarms == made("AWS::CloudWatch::Alarm", "observability") + len(
        resources(TEMPLATE, "AWS::CloudWatch::Alarm")
    )
    assert deployment.endpoints == len(interfaces)
