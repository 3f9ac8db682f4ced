"""The OpenAPI document: an answer's schema is what its example tells, and whatever is referred to is there."""

import json
import re
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

from functions.asgi import app
from functions.http.answers import answer, schema_of


@pytest.mark.parametrize(
    ("example", "schema"),
    [
        (True, {"type": "boolean"}),
        (3, {"type": "integer"}),
        (0.5, {"type": "number"}),
        ("cart", {"type": "string"}),
        ("2026-11-05", {"type": "string", "format": "date"}),
        ("2026-11-05T08:15:30.243000Z", {"type": "string", "format": "date-time"}),
        ("01934f0e-7c5a-7d2b-9f3e-52c8a1d64000", {"type": "string", "format": "uuid"}),
        (None, {}),
        ([1, 2], {"type": "array", "items": {"type": "integer"}}),
        ([], {"type": "array", "items": {}}),
    ],
)
def test_a_value_has_the_schema_of_its_kind(example: Any, schema: dict[str, Any]) -> None:
    assert schema_of(example) == schema


def test_members_are_required_unless_they_are_told_to_be_optional_null_or_free() -> None:
    schema = schema_of(
        {"id": 1, "next": "a", "by": "ada", "payload": {"x": 1}}, optional=["next"], nullable=["by"], free=["payload"]
    )

    assert schema["required"] == ["id", "by", "payload"]
    assert schema["properties"]["by"] == {"anyOf": [{"type": "string"}, {"type": "null"}]}
    assert schema["properties"]["payload"] == {}


def test_an_answer_is_documented_with_its_problems() -> None:
    documented = answer("A page", {"tasks": [{"id": 1}], "next": "a"})

    assert documented[200]["content"]["application/json"]["schema"]["required"] == ["tasks"]
    assert {"4XX", "5XX"} <= documented.keys()


def test_whatever_the_document_refers_to_stands_in_it() -> None:
    document = json.loads(json.dumps(app.openapi()))

    for path in set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document))):
        assert reduce(lambda part, name: part.get(name), path.split("/"), document), path


ROOT = Path(__file__).resolve().parents[2]
_QUERY = re.compile(r"(/api/v1/[a-z/{}_-]+)\?((?:[a-z_]+=[^&`\s\"'|]*&?)+)")


def test_whatever_parameters_pages_name_are_those_of_their_routes() -> None:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    named = [(page.name, *found) for page in pages for found in _QUERY.findall(page.read_text(encoding="utf-8"))]
    routes = {_unnamed(path): operations for path, operations in app.openapi()["paths"].items()}

    assert len(named) >= 12
    for page, path, query in named:
        parameters = [one for operation in routes[_unnamed(path)].values() for one in operation.get("parameters", [])]
        asked = {pair.partition("=")[0] for pair in query.rstrip("&").split("&")}
        assert asked <= {one["name"] for one in parameters}, (page, path, query)


def _unnamed(path: str) -> str:
    """A path whose parameters have no names: a page may call them otherwise."""
    return re.sub(r"{\w+}", "{}", path)
