"""What a local stack keeps from one start to the next: its port and its key, as long as they are any good."""

import json
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from oddline.database import Database
from oddline.encryption import Cipher
from oddline.identity import Scope, authenticate, find_key_by_prefix, revoke_key
from oddline.local.stack import Stack
from oddline.settings import Settings, Side

Databases = Callable[[Side], Database]
Prepare = Callable[..., Stack]


@pytest.fixture
def prepare(clusters: Callable[[int], Any], database_urls: dict[Side, str], tmp_path: Path) -> Prepare:
    """Prepares a stack in one home, as each start does."""

    def prepare(*, owner_url: str = database_urls["owner"], **settings: int) -> Stack:
        return Stack.prepare(
            Settings(_env_file=None, home=tmp_path, **settings),
            owner_url=owner_url,
            passwords=clusters(18).passwords,
            redis_url="",
        )

    return prepare


def is_known(db: Database, key: str) -> bool:
    return bool(authenticate(db, presented=key, scope=Scope.ADMIN, now=datetime.now(UTC)))


def test_the_first_start_makes_a_key_and_the_next_has_it_still(prepare: Prepare, db: Databases) -> None:
    first, second = prepare(), prepare()

    assert is_known(db("ingest"), first.api_key)
    kept = ("api_key", "port", "hmac_secret", "encryption_keys", "flower_password")
    assert [getattr(second, name) for name in kept] == [getattr(first, name) for name in kept]
    assert len(first.flower_password) >= 40
    assert (first.first_start, second.first_start) == (True, False)


def test_a_database_that_does_not_know_the_key_gets_a_new_one(prepare: Prepare, clusters: Callable[[int], Any]) -> None:
    first = prepare()
    other = clusters(18).create()

    second = prepare(owner_url=other["owner"])

    db = Database(other["ingest"], size=1)
    assert second.api_key != first.api_key
    assert is_known(db, second.api_key)
    db.close()
    clusters(18).drop(other)


def test_a_stack_of_an_older_version_gets_the_secrets_that_it_lacks(prepare: Prepare, tmp_path: Path) -> None:
    file = tmp_path / "stack.json"
    prepare()
    older = json.loads(file.read_text())
    for name in ("encryption_keys", "flower_password", "flower_url"):
        del older[name]
    file.write_text(json.dumps(older))

    made = prepare()

    assert Cipher(made.encryption_keys.split(",")).encrypt(b"x")
    assert made.flower_password


def test_a_revoked_key_is_replaced(prepare: Prepare, db: Databases) -> None:
    first = prepare()
    key_id, project = find_key_by_prefix(db("worker"), first.api_key)
    revoke_key(db("worker"), key_id, project=project, now=datetime.now(UTC))

    assert is_known(db("ingest"), prepare().api_key)


def test_a_port_that_was_told_goes_before_the_one_of_the_last_start(prepare: Prepare) -> None:
    first = prepare()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]

    assert prepare(port=free).port == free
    assert first.port != free


def test_the_file_with_the_keys_is_its_owners_alone(prepare: Prepare, tmp_path: Path) -> None:
    stack = prepare()

    assert Stack.load(tmp_path) == replace(stack, first_start=False)
    assert (tmp_path / "stack.json").stat().st_mode & 0o077 == 0
