"""What each function, task and service may do: all of it stands here, and a right more fails."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from templates import NESTED, TEMPLATE, Resource, load, resources, spelt, walk

# Actions that AWS knows no resource for, or none that a template could name; beside each `*` stands which.
WITHOUT_RESOURCE = {
    "ecr:GetAuthorizationToken",
    "scheduler:ListSchedules",
    "ses:SendEmail",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}

FUNCTIONS = {
    "Ingest": {
        "secretsmanager:GetSecretValue": ["${Data.Outputs.IngestSettings}"],
        "s3:PutObject": ["bodies/*"],
    },
    "Console": {
        "secretsmanager:GetSecretValue": ["${Data.Outputs.ConsoleSettings}"],
        "s3:PutObject": ["files/*"],
        "s3:GetObject": ["files/*"],  # the size of an upload that was put together and whose answer was lost
        "s3:ListMultipartUploadParts": ["files/*"],
        "s3:AbortMultipartUpload": ["files/*"],
    },
    "Search": {
        "secretsmanager:GetSecretValue": ["${Data.Outputs.SearchSettings}"],
        "s3:GetObject": ["chunks/*", "replays/*", "searches/*"],
        "s3:ListBucket": [""],
    },
    "HealthCheck": {
        "secretsmanager:GetSecretValue": ["${Data.Outputs.WorkerSettings}"],
        "s3:ListBucket": [""],
    },
}
FUNCTIONS["SealAudit"] = {
    "secretsmanager:GetSecretValue": ["${Data.Outputs.WorkerSettings}"],
    "s3:PutObject": ["arn:${AWS::Partition}:s3:::${Data.Outputs.AuditBucket}/audit/*"],
}
TRIGGER = {"secretsmanager:GetSecretValue": ["${Data.Outputs.IngestSettings}"], "s3:PutObject": ["bodies/*"]}
FUNCTIONS |= {
    "LogEvents": TRIGGER,
    "UploadedFiles": {"secretsmanager:GetSecretValue": ["${Data.Outputs.IngestSettings}"]},
}
GROUP = "arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}:schedule/${UserSchedules}/*"
FUNCTIONS["WatchSchedules"] = {
    "secretsmanager:GetSecretValue": ["${Data.Outputs.WorkerSettings}"],
    "scheduler:CreateSchedule": [GROUP],
    "scheduler:UpdateSchedule": [GROUP],
    "scheduler:DeleteSchedule": [GROUP],
    "scheduler:ListSchedules": ["*"],
    "iam:PassRole": ["${UserScheduleRole.Arn}"],
}
SCHEDULE = {"secretsmanager:GetSecretValue": ["${Data.Outputs.WorkerSettings}"]}

TASKS = {
    "ScoringRole": {"s3:GetObject": ["bodies/*", "models/*"], "s3:ListBucket": [""]},
    "GeneralRole": {
        "s3:GetObject": ["chunks/*", "files/*", "models/*", "uploads/*"],
        "s3:PutObject": ["bodies/*", "files/*", "searches/*"],
        "s3:AbortMultipartUpload": ["files/*"],
        "s3:ListMultipartUploadParts": ["files/*"],
        "s3:GetObjectVersion": ["files/*", "uploads/*"],
        "s3:DeleteObjectVersion": ["files/*", "uploads/*"],
        "sts:AssumeRole": ["arn:${AWS::Partition}:iam::*:role/oddline-*"],
        "s3:ListBucket": [""],
        "s3:ListBucketVersions": [""],
    },
    "BackgroundRole": {
        "s3:GetObject": [
            "bodies/*",
            "chunks/*",
            "erasures/*",
            "files/*",
            "models/*",
            "replays/*",
            "searches/*",
            "uploads/*",
        ],
        "s3:AbortMultipartUpload": ["files/*", "uploads/*"],
        "s3:PutObject": ["bodies/*", "chunks/*", "erasures/*", "replays/*"],
        "s3:DeleteObject": ["bodies/*", "chunks/*", "replays/*", "searches/*"],
        "s3:GetObjectVersion": ["bodies/*", "chunks/*", "files/*", "replays/*", "searches/*", "uploads/*"],
        "s3:DeleteObjectVersion": ["bodies/*", "chunks/*", "files/*", "replays/*", "searches/*", "uploads/*"],
        "s3:ListBucket": [""],
        "s3:ListBucketVersions": [""],
        "s3:ListBucketMultipartUploads": [""],
    },
    "OperatorRole": {
        "secretsmanager:PutSecretValue": ["${Key}"],
        "s3:GetObject": ["erasures/*"],
        "s3:ListBucket": ["", "arn:${AWS::Partition}:s3:::${AuditBucket}"],
    },
}

EXECUTION = {
    "ecr:GetAuthorizationToken": ["*"],
    "ecr:BatchGetImage": ["repository"],
    "ecr:GetDownloadUrlForLayer": ["repository"],
    "logs:CreateLogStream": ["log group"],
    "logs:PutLogEvents": ["log group"],
}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def plain(resource: Any) -> str:
    """What a statement names, without what is the same everywhere: an object's key, an image, a log group."""
    text = re.sub(r"^arn:\$\{AWS::Partition\}:s3:::\$\{(Data\.Outputs\.)?Bucket\}/?", "", spelt(resource))
    if ":ecr:" in text:
        return "repository"
    return "log group" if "LogGroup" in text else text


def rights(statements: list[Any]) -> dict[str, list[str]]:
    granted: dict[str, list[str]] = {}
    for given in statements:
        statement = given["Fn::If"][1] if "Fn::If" in given else given
        assert statement["Effect"] == "Allow"
        for action in listed(statement["Action"]):
            granted.setdefault(action, []).extend(plain(one) for one in listed(statement["Resource"]))
    return {action: sorted(named) for action, named in granted.items()}


def function_rights(function: Resource) -> dict[str, list[str]]:
    return rights([one for policy in function["Properties"].get("Policies", []) for one in policy["Statement"]])


def role_rights(role: Resource) -> dict[str, list[str]]:
    policies = role["Properties"].get("Policies", [])
    return rights([one for policy in policies for one in policy["PolicyDocument"]["Statement"]])


def statements() -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every statement that allows something to Oddline itself, in all templates."""
    for path in (TEMPLATE, *NESTED.values()):
        for node in walk(load(path)):
            if node.get("Effect") == "Allow" and "Resource" in node:
                yield path, node


def test_each_function_may_do_this_and_no_more() -> None:
    functions = resources(TEMPLATE, "AWS::Serverless::Function")

    for name, function in functions.items():
        assert function_rights(function) == FUNCTIONS.get(name, SCHEDULE), name
    assert FUNCTIONS.keys() <= functions.keys()


def test_what_takes_logs_can_read_neither_a_body_nor_a_chunk() -> None:
    # Its database role cannot either: tests/integration/test_roles.py.
    granted = function_rights(resources(TEMPLATE, "AWS::Serverless::Function")["Ingest"])

    assert not [action for action in granted if action.startswith(("s3:Get", "s3:List", "s3:*"))]


def test_each_task_may_do_this_and_no_more() -> None:
    roles = resources(NESTED["workers"], "AWS::IAM::Role")

    assert {name: role_rights(roles[name]) for name in TASKS} == TASKS
    assert roles.keys() - TASKS.keys() == {"OperatorExecutionRole"}


@pytest.mark.parametrize(
    ("stack", "role", "secrets"),
    [
        (
            "worker_class",
            "ExecutionRole",
            ["${ConsoleSettings}", "${IngestSettings}", "${OwnerPassword}", "${SearchSettings}", "${Settings}"],
        ),
        ("workers", "OperatorExecutionRole", ["${WorkerSettings}"]),
        ("flower", "ExecutionRole", ["${Password}", "${WorkerSettings}"]),
    ],
)
def test_ecs_may_start_a_task_with_its_own_secrets_and_no_more(stack: str, role: str, secrets: list[str]) -> None:
    granted = role_rights(resources(NESTED[stack], "AWS::IAM::Role")[role])

    assert granted == EXECUTION | {"secretsmanager:GetSecretValue": secrets}


def test_only_tasks_that_migrate_are_given_the_owners_password() -> None:
    role = resources(NESTED["worker_class"], "AWS::IAM::Role")["ExecutionRole"]

    owner = [
        one
        for policy in role["Properties"]["Policies"]
        for one in policy["PolicyDocument"]["Statement"]
        if {"Ref": "OwnerPassword"} in list(walk(one))
    ]
    assert [one["Fn::If"][0] for one in owner] == ["Migrates"]


def test_eventbridge_alone_is_given_the_role_in_which_it_calls_users_schedules() -> None:
    [granted] = [one for path, one in statements() if one["Action"] == "iam:PassRole"]

    assert granted["Condition"] == {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}


def test_roles_of_connections_are_taken_in_other_accounts_alone() -> None:
    [granted] = [one for path, one in statements() if one["Action"] == "sts:AssumeRole" and "Resource" in one]

    assert granted["Condition"] == {
        "StringLike": {"sts:ExternalId": "oddline-*"},
        "StringNotEquals": {"aws:ResourceAccount": {"Ref": "AWS::AccountId"}},
    }


def test_a_schedule_of_users_may_call_its_function_and_only_out_of_their_group() -> None:
    role = resources(TEMPLATE, "AWS::IAM::Role")["UserScheduleRole"]

    [trust] = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert role_rights(role) == {"lambda:InvokeFunction": ["${UserSchedule.Arn}"]}
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"] == {
        "StringEquals": {
            "aws:SourceAccount": {"Ref": "AWS::AccountId"},
            "aws:SourceArn": {"Fn::GetAtt": ["UserSchedules", "Arn"]},
        }
    }


def test_rds_proxy_reads_the_passwords_of_those_who_come_through_it() -> None:
    role = resources(NESTED["data"], "AWS::IAM::Role")["ProxyRole"]

    assert role_rights(role) == {
        "secretsmanager:GetSecretValue": ["${ConsolePassword}", "${IngestPassword}", "${SearchPassword}"]
    }


def test_a_star_stands_only_where_aws_offers_nothing_narrower() -> None:
    for path, statement in statements():
        actions = listed(statement["Action"])

        assert not [action for action in actions if action.endswith("*")], path
        if "*" in listed(statement["Resource"]):
            assert set(actions) <= WITHOUT_RESOURCE, path
    used = {action for _, one in statements() if one["Resource"] == "*" for action in listed(one["Action"])}
    assert used == WITHOUT_RESOURCE


@pytest.mark.parametrize("path", [TEMPLATE, *NESTED.values()], ids=lambda path: path.stem)
def test_beside_each_star_stands_why(path: Path) -> None:
    stars = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip().startswith('Resource: "*"')]

    assert all(re.search(r'"\*" # \w+', line) for line in stars)


def test_nobody_but_their_own_service_takes_on_a_role() -> None:
    for path in NESTED.values():
        for name, role in resources(path, "AWS::IAM::Role").items():
            [trust] = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]

            assert trust["Principal"]["Service"] in {"ecs-tasks.amazonaws.com", "rds.amazonaws.com"}, name
            assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}, name
