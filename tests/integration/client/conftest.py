"""The API that a module's tests of the client share: a fresh one each would take most of the time."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from client_world import World, running_world

from oddline.database import Database
from oddline.identity import ensure_project
from oddline.local.valkey import ValkeyServer
from oddline.settings import Side
from oddline.submissions import new_id


@pytest.fixture(scope="module")
def world(
    module_database_urls: dict[Side, str], valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    opened: dict[Side, Database] = {}

    def db(side: Side) -> Database:
        if side not in opened:
            opened[side] = Database(module_database_urls[side], size=8, prepare=side == "worker")
        return opened[side]

    project = ensure_project(db("worker"), "first", new_id=new_id(), now=datetime.now(UTC))
    folder = tmp_path_factory.mktemp("client")
    with running_world(db, redis_url=valkey.url, folder=folder, project=project) as world:
        yield world
    for database in opened.values():
        database.close()


@pytest.fixture(autouse=True)
def _emptied(world: World) -> Iterator[None]:
    yield
    world.forget()
