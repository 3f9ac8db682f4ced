"""What changes something leaves a trace, or stands here with the reason why not: each route, and each command."""

from collections.abc import Callable, Iterator
from dis import get_instructions
from importlib import import_module
from inspect import getmodule, isfunction, unwrap
from typing import Any

import typer
from fastapi.routing import iter_route_contexts

from functions.console.app import app as console
from functions.ingest.app import app as ingest
from functions.search.app import app as search
from oddline.audit import Action
from oddline.cli.app import COMMANDS

SUBMITTING = "a submission is its own record"
READING = "reads"
BY_API = "asks the API, which records it"

ROUTES_WITHOUT = {
    ("POST", "/api/v1/logs"): SUBMITTING,
    ("POST", "/api/v1/logs/batch"): SUBMITTING,
    ("POST", "/api/logs"): SUBMITTING,
    ("POST", "/api/logs/"): SUBMITTING,
    ("POST", "/api/batch-analysis"): SUBMITTING,
    ("POST", "/api/batch-analysis/"): SUBMITTING,
    ("POST", "/v1/logs"): SUBMITTING,
    ("POST", "/loki/api/v1/push"): SUBMITTING,
    ("PUT", "/api/v1/files/{file_id}/parts/{number}"): "that an upload was begun, and its file processed, is recorded",
}
COMMANDS_WITHOUT = {
    "up": "starts programs; that it made a project and a key at its first start, oddline.local records",
    "status": READING,
    "stop": "stops programs",
    "worker": "starts a program",
    "send": SUBMITTING,
    "files upload": BY_API,
    "files list": READING,
    "files show": READING,
    "files process": BY_API,
    "files delete": BY_API,
    "find": READING,
    "tail": READING,
    "verify": READING,
    "flower": "starts a program",
    "keys list": READING,
    "projects list": READING,
    "feedback expected": BY_API,
    "feedback confirmed": BY_API,
    "feedback undo": BY_API,
    "feedback list": READING,
    "schedules add": BY_API,
    "schedules change": BY_API,
    "schedules pause": BY_API,
    "schedules resume": BY_API,
    "schedules remove": BY_API,
    "schedules run": BY_API,
    "schedules list": READING,
    "schedules show": "asks the API, which records who opens what is sealed",
    "schedules runs": READING,
    "connections list": READING,
    "connections show": READING,
    "connections add": BY_API,
    "connections test": BY_API,
    "connections pause": BY_API,
    "connections resume": BY_API,
    "connections remove": BY_API,
    "queues list": READING,
    "workers list": READING,
    "workers limits": READING,
    "workers events": READING,
    "tasks active": READING,
    "tasks scheduled": READING,
    "tasks alerts": READING,
    "tasks list": READING,
    "tasks smoke": "runs what does no harm and leaves nothing but its results",
    "score": "works on files, without any service",
    "audit list": READING,
    "audit export": READING,
    "audit verify": READING,
    "model list": READING,
    "model show": READING,
    "model compare": READING,
    "model collect": "writes files",
    "model train": "writes files",
    "model export": "writes files",
    "model sentences": "writes files",
    "model evaluate": READING,
    "model severity": READING,
    "cost": READING,
}


def reaches(function: Callable[..., Any], names: set[str]) -> bool:
    """Whether a function, or one of its module that it uses, uses one of these names."""
    module = getmodule(function)
    seen: set[str] = set()
    left = [function]
    while left:
        used = {each.argval for each in get_instructions(left.pop()) if each.opname == "LOAD_GLOBAL"} - seen
        if used & names:
            return True
        seen |= used
        own = (getattr(module, name, None) for name in used)
        left += [one for one in own if isfunction(one) and one.__module__ == function.__module__]
    return False


def changing_routes() -> Iterator[tuple[tuple[str, str], Callable[..., Any]]]:
    for app in (ingest, console, search):
        for route in iter_route_contexts(app.routes):
            for method in set(route.methods or ()) - {"GET", "HEAD", "OPTIONS"}:
                yield (method, str(route.path)), unwrap(route.endpoint)


def commands() -> Iterator[tuple[str, Callable[..., Any]]]:
    for entry in COMMANDS:
        module, _, attribute = entry.home.partition(":")
        found = getattr(import_module(module), attribute)
        if not isinstance(found, typer.Typer):
            yield entry.name, found
            continue
        for command in found.registered_commands:
            assert command.callback is not None
            yield f"{entry.name} {command.name or command.callback.__name__.rstrip('_')}", command.callback


def test_every_route_that_changes_something_records_it_or_says_why_not() -> None:
    silent = {route for route, endpoint in changing_routes() if not reaches(endpoint, {"record", "actor_of"})}

    assert silent == ROUTES_WITHOUT.keys()


def test_every_command_that_changes_something_records_it_or_says_why_not() -> None:
    silent = {name for name, callback in commands() if not reaches(callback, {"operator"})}

    assert silent == COMMANDS_WITHOUT.keys()


def test_every_action_says_in_a_sentence_what_is_done_to_its_subject() -> None:
    for action in Action:
        assert "{subject}" in action.sentence
        assert action == action.lower()
        assert action.count(".") == 1
