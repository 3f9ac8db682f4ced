"""Whatever the OpenAPI document allows, and what it forbids, is answered as it says: by every route, to every role."""

import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any

import pytest
import schemathesis
from fuzzed_world import ROLES, World
from hypothesis import HealthCheck, note, settings
from hypothesis.errors import FlakyStrategyDefinition
from schemathesis import Case, SerializationContext
from schemathesis.checks import CHECKS
from schemathesis.config import SchemathesisConfig

from functions.asgi import app

# Of each route and role. A longer search (`make fuzz`) has a seed of its own, which it tells.
IS_LONG = "FUZZ_EXAMPLES" in os.environ
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "4"))
LIMITS = settings(
    derandomize=not IS_LONG,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
    max_examples=EXAMPLES,
)
REFUSALS = [400, 401, 403, 404, 413, 415, 422]
CONFIG = SchemathesisConfig.from_dict(
    {
        "checks": {"negative_data_rejection": {"expected-statuses": REFUSALS}},
        "phases": {
            "coverage": {"enabled": IS_LONG}
        },  # each limit in turn: some 40 more requests of each route and role
    }
)
SCHEMA = schemathesis.openapi.from_asgi("/openapi.json", app, config=CONFIG)
# What a document cannot say: that a cursor was given before, a key reused, that two members exclude each other; that
# a path with one method may be another one's parameter (`GET /api/v1/logs/batch`). And who may call what, which the
# tenant matrix shows for every route.
BEYOND_THE_DOCUMENT = CHECKS.get_by_names(
    ["positive_data_acceptance", "unsupported_method", "allow_header_conformance", "ignored_auth"]
)


@schemathesis.serializer("application/x-ndjson")
def as_lines(_: SerializationContext, value: Any) -> bytes:
    return str(value).encode("utf-8", "surrogatepass")


@schemathesis.serializer("application/x-protobuf")
def as_bytes(_: SerializationContext, value: Any) -> bytes:
    """Any text; what is none as bytes that no message begins with."""
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else b"\xff"


def checks_beyond(case: Case) -> list[Any]:
    """In a query a number is a text too, and a list its last one: the document forbids more there than can be told."""
    is_query = case.method == "GET" or bool(case.query)
    return [*BEYOND_THE_DOCUMENT, *(CHECKS.get_by_names(["negative_data_rejection"]) if is_query else [])]


@pytest.fixture(scope="module")
def headers(world: World) -> dict[str, dict[str, str]]:
    """Those of a caller of each role."""
    return {role: world.headers_of(role) for role in ROLES}


@pytest.fixture
def something(world: World) -> Callable[[str, str], str]:
    """The same thing for each example of a test, for as long as it is there."""
    return cache(world.something)


@SCHEMA.parametrize()
@LIMITS
def test_every_route_answers_each_role_as_documented(
    case: Case, headers: dict[str, dict[str, str]], something: Callable[[str, str], str]
) -> None:
    given = case.path_parameters
    for role in ROLES:
        note(f"asked as {role}")
        if case.meta.generation.mode.is_positive:
            case.path_parameters = {name: something(name, role) for name in given}

        case.call_and_validate(headers=headers[role], excluded_checks=checks_beyond(case))


@pytest.mark.parametrize("role", ROLES)
def test_what_one_route_answers_leads_on_to_others(role: str, world: World) -> None:
    machine = SCHEMA.as_state_machine()

    class AsRole(machine):  # type: ignore[misc, valid-type]
        def setup(self) -> None:
            self.headers = world.headers_of(role)

        def get_call_kwargs(self, case: Case) -> dict[str, Any]:
            return {"headers": self.headers}

        def validate_response(self, response: Any, case: Case, **more: Any) -> None:
            case.validate_response(response, excluded_checks=checks_beyond(case), **more)

    # What one example changed, the next may find: where two with one beginning then go apart, the search ends.
    with suppress(FlakyStrategyDefinition):
        AsRole.run(settings=settings(LIMITS, max_examples=2 * EXAMPLES, stateful_step_count=8))
