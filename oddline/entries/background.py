"""Searches that take longer than an answer may: a task does them, and their page is kept for a day."""

import hashlib
import hmac
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from pydantic import TypeAdapter

from oddline.database import Database, Transaction
from oddline.entries.facets import count_facets
from oddline.entries.kept_pages import keep_page, kept_page
from oddline.entries.model import EntryQuery, Page
from oddline.entries.pages import list_entries
from oddline.entries.scan import Scan
from oddline.entries.tasks import SEARCH_ENTRIES, SearchEntries
from oddline.errors import Conflict, NotFound, TooManyOpen
from oddline.objects import ObjectStore
from oddline.settings import load_settings
from oddline.submissions import new_id
from oddline.tasks import State, TaskContext, enqueue

LONGEST_ANSWER_S: Final = 20.0  # what would take longer is a task's
COUNTED_UNTIL_S: Final = 1_200.0  # since it began: the page is to be kept before the task's time is over
MOST_KEPT_CHARS: Final = 32 * 1024 * 1024  # of messages of a kept page: it is written, and read again, as a whole
MOST_OPEN: Final = 4  # of a project: each may hold a worker for 25 minutes
_ASK_AGAIN_S: Final = 60
_PURPOSE: Final = b"oddline searches v1"
_QUERIES: Final = TypeAdapter(EntryQuery)


def takes_long(page: Page) -> bool:
    """Whether the search that stopped early at this page would have taken too long for an answer."""
    return page.seconds_left is not None and page.cost["seconds"] + page.seconds_left > LONGEST_ANSWER_S


def start_search(
    tx: Transaction, query: EntryQuery, *, project: UUID, limit: int, now: datetime, facets: bool = False
) -> UUID:
    """Write the task of a search into the ledger; publish it after the commit. Returns its id.

    With `facets` it also counts. Where the same search waits already it is the id of that one.

    Raises:
        TooManyOpen: the project has as many searches open as it may.
        NotConfigured: there is no key to encrypt it with.
    """
    asked = _QUERIES.dump_python(query, mode="json")
    payload = SearchEntries(project=project, query=asked, limit=limit, facets=facets)
    key = _key_of(payload)
    tx.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"searches {project}"])
    open_searches = tx.execute(
        "SELECT id, unique_key FROM tasks WHERE project_id = %s AND name = %s"
        " AND state IN ('PENDING', 'STARTED', 'PROGRESS', 'RETRY')",
        [project, SEARCH_ENTRIES.name],
    ).fetchall()
    for task, waits_by in open_searches:
        if waits_by == key:
            return UUID(str(task))
    if len(open_searches) >= MOST_OPEN:
        raise TooManyOpen(f"{MOST_OPEN} searches that take long are open already", retry_after=_ASK_AGAIN_S)
    fresh = new_id()
    enqueue(tx, SEARCH_ENTRIES, payload, task_id=fresh, project=project, now=now, unique_key=key)
    return fresh


def _key_of(payload: SearchEntries) -> str:
    """By which the same search of a project is known; without the secret nobody can try what was searched for."""
    asked = orjson.dumps(payload.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
    secret = load_settings().cipher().derived(_PURPOSE)[0]
    return f"{SEARCH_ENTRIES.name}:{hmac.digest(secret, asked, hashlib.sha256).hex()}"


def search_entries(payload: SearchEntries, context: TaskContext) -> dict[str, Any]:
    """Search to the end of the asked time or until there are enough entries, count if asked to, and keep the page."""
    began_at = time.monotonic()
    query, now = _QUERIES.validate_python(payload.query), context.clock()
    entries: list[Mapping[str, Any]] = []
    costs: list[Mapping[str, Any]] = []
    held = 0
    following: str | None = None
    while True:
        page = list_entries(
            query,
            db=context.db,
            objects=context.objects,
            project=payload.project,
            now=now,
            after=following,
            limit=payload.limit - len(entries),
        )
        entries += page.entries
        costs.append(page.cost)
        following = page.next
        held += sum(len(one["message"]) for one in page.entries)
        if following is None or len(entries) >= payload.limit or held > MOST_KEPT_CHARS:
            break
        if page.searched_until is not None and query.time_from is not None:
            began = min(query.time_to or now, now)
            context.report(min(max((began - page.searched_until) / (began - query.time_from), 0.0), 1.0))
    kept: dict[str, Any] = {"entries": entries, "next": following}
    if payload.facets:
        budget_s = COUNTED_UNTIL_S - (time.monotonic() - began_at)
        scan = Scan(query, db=context.db, objects=context.objects, project=payload.project, budget_s=budget_s)
        kept["facets"] = count_facets(scan, now=now)
        costs.append(scan.view())
    kept["cost"] = _sum(costs)
    keep_page(context.objects, kept, project=payload.project, search=context.task_id)
    return {"entries": len(entries), "cost": kept["cost"]}


def find_search(task: UUID, *, db: Database, objects: ObjectStore, project: UUID) -> Page | dict[str, Any]:
    """The page that a search found; or, before it is ready, how far it is: `status` and `progress`, 0 to 1 or None.

    Raises:
        NotFound: the project has no such search.
        Conflict: it failed, or was cancelled.
        Gone: its page is kept no longer.
    """
    with db.transaction(project=project) as tx:
        row = tx.execute(
            "SELECT state, progress FROM tasks WHERE id = %s AND project_id = %s AND name = %s",
            [task, project, SEARCH_ENTRIES.name],
        ).fetchone()
    if row is None:
        raise NotFound(f"there is no search {task}", field="task_id")
    state = State(row[0])
    if not state.ready:
        return {"status": str(state), "progress": row[1]}
    if state is not State.SUCCESS:
        raise Conflict(f"the search has not come to an end: {state}")
    kept = kept_page(objects, project=project, search=task)
    return Page(entries=kept["entries"], next=kept["next"], cost=kept["cost"], facets=kept.get("facets"))


def _sum(costs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What several answers cost together."""
    total: dict[str, Any] = {}
    for name in costs[0]:
        values = [cost[name] for cost in costs]
        if isinstance(values[0], dict):
            total[name] = dict(sum(map(Counter, values), Counter()))
        else:
            total[name] = round(sum(values), 4)
    return total
