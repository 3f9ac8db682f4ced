"""Start a task on somebody's wish: only what the catalogue lets them start, and only with what it takes."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from oddline.database import Transaction
from oddline.errors import Forbidden, InvalidParameter, UnknownTask
from oddline.ids import new_id
from oddline.tasks.model import Catalogue, Payload, Starter, TaskSpec
from oddline.tasks.service import enqueue

_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")  # as JSON writes it: an odd number of backslashes


def request(
    tx: Transaction,
    catalogue: Catalogue,
    *,
    name: str,
    payload: Mapping[str, Any],
    starter: Starter,
    project: UUID | None,
    now: datetime,
    not_before: datetime | None = None,
    unique_key: str | None = None,
) -> tuple[TaskSpec, UUID | None]:
    """Write a task into the ledger that somebody wishes to run; publish it after the commit.

    Returns its spec and its id; no id when a task with the same `unique_key` waits already.

    Raises:
        UnknownTask: the catalogue has none of that name.
        Forbidden: it is not for this starter, or names another project than `project`.
        InvalidParameter: its payload does not fit; `field` is the first part of it that does not.
    """
    if name not in catalogue:
        raise UnknownTask(_unknown(name, catalogue), field="name")
    spec = catalogue[name]
    if not spec.may_be_started_by(starter):
        raise Forbidden(_refusal(spec, starter), field="name")
    given = _payload(spec, payload, project=project)
    # Nobody else checks whose a payload is: workers see every project.
    if starter is not Starter.SYSTEM and getattr(given, "project", project) != project:
        raise Forbidden(f"{name} can be started for one's own project only", field="payload.project")
    task_id = new_id()
    inserted = enqueue(
        tx,
        spec,
        given,
        task_id=task_id,
        project=project,
        now=now,
        not_before=not_before,
        unique_key=unique_key,
    )
    return spec, task_id if inserted else None


def _unknown(name: str, catalogue: Catalogue) -> str:
    from difflib import get_close_matches  # which only a mistake has need of

    alike = get_close_matches(name, catalogue, n=1)
    meant = f"is {alike[0]} meant? " if alike else ""
    return f"there is no task {name}: {meant}/api/v1/tasks/catalogue lists all"


def _refusal(spec: TaskSpec, starter: Starter) -> str:
    if spec.in_function:
        return f"{spec.name} runs by itself, on its schedule: nobody starts it"
    others = [str(one) for one in Starter if one is not Starter.SYSTEM and spec.may_be_started_by(one)]
    if not others:
        return f"{spec.name} is started by Oddline itself and its operator alone"
    return f"{spec.name} may be started by the role {' or '.join(others)}, and not by the role {starter}"


def _payload(spec: TaskSpec, given: Mapping[str, Any], *, project: UUID | None) -> Payload:
    """What fits; a project that it leaves out is the task's own."""
    if project is not None and "project" in spec.payload.model_fields:
        given = {"project": str(project), **given}
    try:
        payload = spec.payload.model_validate(given)
    except ValidationError as error:
        faults = [
            {"field": ".".join(map(str, ("payload", *fault["loc"]))), "code": fault["type"], "detail": fault["msg"]}
            for fault in error.errors(include_url=False, include_input=False)
        ]
        raise InvalidParameter(
            f"{faults[0]['field']}: {faults[0]['detail']}", field=faults[0]["field"], errors=faults
        ) from None
    if _NUL.search(payload.model_dump_json()):
        raise InvalidParameter("there is a NUL character in it, which PostgreSQL has no room for", field="payload")
    return payload
