"""What was erased is remembered outside of the database, encrypted, and erased again after a restore."""

import json
from dataclasses import replace
from uuid import UUID

import orjson
from acting import TESTER
from dumping import dump_database
from erasing import ANOTHER_KEY, KEYS, NAME, VALUES, erase, finish, holding, lines
from inbox import Inbox

from oddline.encryption import Cipher
from oddline.maintenance import renew_encryption
from oddline.privacy import erase_again
from oddline.redaction import open_values
from oddline.settings import Side
from oddline.tasks import NoPayload, State, TaskContext


def test_what_a_restore_brings_back_is_erased_again(
    inbox: Inbox, context: TaskContext, project: UUID, database_urls: dict[Side, str]
) -> None:
    finish(inbox, project, erase(inbox, project, context), context)
    with inbox.db("worker").transaction() as tx:  # as a database from before the erasure
        tx.execute("DELETE FROM erasures")
    inbox.submit(project, *lines(25))

    by = replace(TESTER, cipher=context.settings.cipher())
    [task] = erase_again(inbox.db("worker"), inbox.objects, by=by, now=inbox.clock())
    [(erasure,)] = inbox.rows("SELECT id FROM erasures")
    ended = finish(inbox, project, erasure, context)

    assert (ended.id, ended.state) == (task, State.SUCCESS)
    assert ended.result["before"]["submissions"] == 1
    assert holding(dump_database(database_urls["owner"], context.settings.cipher())) == []


def test_after_a_change_of_keys_the_values_are_kept_out_by_the_new_one_alone(
    inbox: Inbox, context: TaskContext, project: UUID
) -> None:
    finish(inbox, project, erase(inbox, project, context), context)
    both = replace(context, settings=context.settings.model_copy(update={"encryption_keys": f"{ANOTHER_KEY},{KEYS}"}))

    done = [renew_encryption(NoPayload(), both)["erasures"] for _ in range(2)]

    assert done == [1, 0]
    [kept] = inbox.objects.list("erasures/")
    [(secret,)] = inbox.rows("SELECT secret FROM erasures")
    for stored in (bytes(secret), json.loads(inbox.objects.get(kept.key))["secret"].encode()):
        assert open_values(stored, Cipher([ANOTHER_KEY])) == VALUES


def test_the_reason_of_an_erasure_is_kept_nowhere_but_in_its_row(
    inbox: Inbox, context: TaskContext, project: UUID
) -> None:
    finish(inbox, project, erase(inbox, project, context), context)
    [listed] = inbox.objects.list("erasures/")

    told = inbox.objects.get(listed.key)
    inbox.objects.put(listed.key, orjson.dumps(orjson.loads(told) | {"reason": f"of {NAME}"}))  # as once
    renewed = renew_encryption(NoPayload(), context)["erasures"]

    assert b"4711" not in told
    assert (renewed, inbox.objects.get(listed.key)) == (1, told)


def test_an_erasure_that_a_restore_has_forgotten_reaches_as_far_as_before(
    inbox: Inbox, context: TaskContext, project: UUID
) -> None:
    finish(inbox, project, erase(inbox, project, context, operator=True), context)
    with inbox.db("worker").transaction() as tx:
        tx.execute("DELETE FROM erasures")

    by = replace(TESTER, cipher=context.settings.cipher())
    erase_again(inbox.db("worker"), inbox.objects, by=by, now=inbox.clock())

    assert inbox.rows("SELECT whole_installation FROM erasures") == [(True,)]
