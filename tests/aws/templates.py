"""The templates as tests read them: plain JSON, with the intrinsic functions in their long form."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from cfnlint.decode import decode

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yaml"
NESTED = {path.stem: path for path in sorted((ROOT / "infra").glob("*.yaml")) if path.stem != "compose"}

Resource = dict[str, Any]


@cache
def load(path: Path) -> dict[str, Any]:
    """A template."""
    decoded, faults = decode(str(path))
    assert not faults
    plain: dict[str, Any] = json.loads(json.dumps(decoded))
    return plain


def resources(path: Path, kind: str) -> dict[str, Resource]:
    """The resources of one type, with their names."""
    return {name: found for name, found in load(path)["Resources"].items() if found["Type"] == kind}


def nested_stacks() -> Iterator[tuple[Path, str, Path, Resource]]:
    """Each nested stack: the template that makes it, its name there, its own template, its properties."""
    for path in (TEMPLATE, *NESTED.values()):
        for name, stack in resources(path, "AWS::CloudFormation::Stack").items():
            yield path, name, path.parent / stack["Properties"]["TemplateURL"], stack["Properties"]


def containers() -> Iterator[Resource]:
    """Each container of each task on ECS, those that a condition makes among them."""
    for path in NESTED.values():
        for task in resources(path, "AWS::ECS::TaskDefinition").values():
            for container in task["Properties"]["ContainerDefinitions"]:
                yield container["Fn::If"][1] if "Fn::If" in container else container


def walk(node: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in a template."""
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from walk(child)


def spelt(value: Any) -> str:
    """A `Ref`, `Fn::GetAtt` or `Fn::Sub` as `${…}`, and text as it is."""
    if isinstance(value, str):
        return value
    [(function, argument)] = value.items()
    if function == "Fn::Sub":
        return argument if isinstance(argument, str) else str(argument[0])
    return f"${{{argument if isinstance(argument, str) else '.'.join(argument)}}}"
