"""All applications as they ship, over one database with something in it, and a key of each role."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from functions.console.app import app as console
from functions.http import Parts
from functions.ingest.app import app as ingest
from functions.search.app import app as search
from oddline.database import Database
from oddline.identity import Scope, create_key, ensure_project
from oddline.maintenance import check_health
from oddline.objects import FolderObjects
from oddline.settings import Settings
from oddline.submissions import new_id
from oddline.tasks import Publisher, WorkerClass, see_worker

NOW = datetime.now(UTC)  # for all of a run, so that the worker that was seen then is a live one to its end


@pytest.fixture(scope="module")
def served(clusters, valkey, tmp_path_factory) -> Iterator[Database]:
    """Has the shipped applications work on a database of this module; gives the worker's view of it."""
    folder = tmp_path_factory.mktemp("fuzz")
    cluster = clusters(18)
    urls = cluster.create()
    publisher, objects = Publisher(valkey.url), FolderObjects(folder)
    settings = Settings(_env_file=None, home=folder, redis_url=valkey.url)
    opened = {side: Database(urls[side], size=4) for side in ("ingest", "console", "search", "worker")}
    before = {}
    for side, app in (("ingest", ingest), ("console", console), ("search", search)):
        parts = Parts(settings=settings, db=opened[side], publisher=publisher, objects=objects, clock=lambda: NOW)
        before[app], app.state.parts = app.state.parts, lambda parts=parts: parts
    with opened["worker"].transaction() as tx:
        see_worker(tx, "here:1", classes=list(WorkerClass), started_at=NOW, now=NOW)
    check_health(opened["worker"], objects=objects, settings=settings, now=NOW)
    yield opened["worker"]
    for app, opener in before.items():
        app.state.parts = opener
    publisher.close()
    for database in opened.values():
        database.close()
    cluster.drop(urls)


@pytest.fixture(scope="module")
def keys(served: Database) -> dict[str, str]:
    """A key of one project for each scope, and none."""
    project = ensure_project(served, "fuzzed", new_id=new_id(), now=NOW)
    return {
        scope: create_key(served, project=project, name=scope, key_id=new_id(), now=NOW, scopes=[scope]).key
        for scope in Scope
    } | {"nobody": ""}
