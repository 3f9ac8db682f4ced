"""Ask for the values of a person to be erased, and see how far it is."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson

from oddline.audit import Action, Actor, record
from oddline.database import Database, Transaction
from oddline.encryption import Cipher
from oddline.errors import InvalidParameter, NotFound, ObjectMissing
from oddline.objects import ObjectStore
from oddline.privacy import store
from oddline.privacy.model import Erasure
from oddline.privacy.tasks import ERASE_PERSON, ErasePerson
from oddline.redaction import ErasedValues, Kind, Redactor, open_values, read_erased, seal_values
from oddline.submissions import new_id
from oddline.tasks import cancel, enqueue

SETTLED: Final = timedelta(seconds=60)
"""By then nobody takes anything in by rules of before: they are kept for 10 seconds, and no request takes over 30."""

MOST_VALUES: Final = 50
SHORTEST_VALUE: Final = 4  # characters: shorter ones stand in half of all lines
LONGEST_VALUE: Final = 1_000
LONGEST_REASON: Final = 1_000
RESTORED: Final = "known from the list of erasures, which keeps no reasons"
LIST_PREFIX: Final = "erasures"  # of objects: what is restored from a backup does not know what was erased since


def request_erasure(
    tx: Transaction,
    *,
    project: UUID,
    values: Sequence[str],
    ignore_case: bool,
    reason: str,
    requested_by: str,
    cipher: Cipher,
    now: datetime,
    whole_installation: bool = False,
) -> Erasure:
    """List values as erased, which masks them in what comes in, and start the task that erases them.

    Publish it after the commit, in SETTLED.

    Args:
        whole_installation: an operator asks, so what belongs to no project is cleaned and searched, too.

    Raises:
        InvalidParameter: a value is too short or too long, or stands in the reason, which is kept; or they are too
            many with those of before.
        NotConfigured: there is no key to encrypt them with.
    """
    _check(tx, project, values=values, reason=reason, cipher=cipher)
    erasure = Erasure(
        project=project,
        id=new_id(),
        secret=seal_values(values, cipher),
        ignore_case=ignore_case,
        reason=reason[:LONGEST_REASON],
        requested_by=requested_by,
        requested_at=now,
        task=new_id(),
        whole_installation=whole_installation,
    )
    store.insert(tx, erasure)
    _enqueue(tx, erasure, task=erasure.task, now=now)
    return erasure


def _check(tx: Transaction, project: UUID, *, values: Sequence[str], reason: str, cipher: Cipher) -> None:
    if not 0 < len(values) <= MOST_VALUES:
        raise InvalidParameter(f"values: 1 to {MOST_VALUES}", field="values")
    for number, value in enumerate(values):
        if not len(value.strip()) >= SHORTEST_VALUE or len(value) > LONGEST_VALUE or "\0" in value:
            detail = f"values.{number}: {SHORTEST_VALUE} to {LONGEST_VALUE} characters"
            raise InvalidParameter(detail, field=f"values.{number}")
    wanted = ErasedValues(tuple(values), ignore_case=True)
    listed = [
        ErasedValues(open_values(secret, cipher), ignore_case) for secret, ignore_case in read_erased(tx, project)
    ]
    Redactor(Kind, erased=[*listed, wanted]).check()
    if Redactor((), erased=[wanted]).erase(reason) != reason:
        raise InvalidParameter("the reason is kept: it must not hold what is to be erased", field="reason")


def find_erasure(tx: Transaction, project: UUID, *, erasure: UUID) -> Erasure:
    """An erasure by its id.

    Raises:
        NotFound: the project has no such erasure.
    """
    found = store.find(tx, project, erasure=erasure)
    if found is None:
        raise NotFound(f"there is no erasure {erasure}", field="erasure_id")
    return found


def list_erasures(tx: Transaction, project: UUID, *, before: UUID | None = None, limit: int = 100) -> list[Erasure]:
    """Erasures, newest first, from behind the id `before`."""
    return store.newest(tx, project, before=before, limit=limit)


def keep_on_list(objects: ObjectStore, erasure: Erasure) -> None:
    """Note an erasure outside of the database, the values encrypted: a restore brings back a database from before.

    Its reason is not kept there: it is anybody's words, and no later erasure could take a value out of them.
    """
    kept: dict[str, Any] = {
        "secret": erasure.secret.decode(),
        "ignore_case": erasure.ignore_case,
        "whole_installation": erasure.whole_installation,
        "requested_by": erasure.requested_by,
        "requested_at": erasure.requested_at,
    }
    key = _key(erasure.project, erasure.id)
    objects.put(key, orjson.dumps(kept), metadata={"project": str(erasure.project)})


def renew_erasures(
    tx: Transaction, *, objects: ObjectStore, after: UUID, limit: int, cipher: Cipher
) -> tuple[UUID | None, int]:
    """Encrypt the values of up to `limit` erasures behind the id `after` anew that the newest key did not encrypt.

    Returns the last id that it looked at, None at the end, and how many it changed.

    Raises:
        Undecipherable: a key that some of it was encrypted with is not set any more.
    """
    erasures = store.all_behind(tx, after=after, limit=limit)
    changed = 0
    for erasure in erasures:
        is_newest, is_listed = cipher.is_newest(erasure.secret), _is_listed_well(objects, erasure, cipher)
        if is_newest and is_listed:
            continue
        renewed = replace(erasure, secret=erasure.secret if is_newest else cipher.renew(erasure.secret))
        # First there: what is cut short is found again by the row.
        keep_on_list(objects, renewed)
        store.write_secret(tx, renewed)
        changed += 1
    return (erasures[-1].id if erasures else None), changed


def _is_listed_well(objects: ObjectStore, erasure: Erasure, cipher: Cipher) -> bool:
    """Whether it stands on the list, encrypted by the newest key, and without a reason, which was once kept there."""
    try:
        kept = orjson.loads(objects.get(_key(erasure.project, erasure.id)))
    except ObjectMissing:
        return False
    return "reason" not in kept and cipher.is_newest(kept["secret"].encode())


def _key(project: UUID, erasure: UUID) -> str:
    return f"{LIST_PREFIX}/{project}/{erasure}"


def erase_again(db: Database, objects: ObjectStore, *, by: Actor, now: datetime) -> list[UUID]:
    """Start every erasure anew that was ever begun, of all projects: after a restore. Returns the ids of the tasks.

    What works on one of them now is cancelled, and can note nothing more.
    """
    started = []
    for info in list(objects.list(f"{LIST_PREFIX}/")):
        listed = _listed(info.key, orjson.loads(objects.get(info.key)), task=new_id())
        with db.transaction() as tx:
            store.insert(tx, listed)
            erasure = find_erasure(tx, listed.project, erasure=listed.id)
            cancel(tx, erasure.task, now=now)
            store.again(tx, erasure, task=listed.task)
            _enqueue(tx, erasure, task=listed.task, now=now)
            record(
                tx,
                project=erasure.project,
                by=by,
                action=Action.ERASURE_ASKED,
                subject=f"erasure:{erasure.id}",
                details={"again": True},
                now=now,
            )
        started.append(listed.task)
    return started


def _listed(key: str, kept: dict[str, Any], *, task: UUID) -> Erasure:
    """An erasure as `keep_on_list` has noted it."""
    project, erasure = map(UUID, key.split("/")[1:3])
    return Erasure(
        project=project,
        id=erasure,
        secret=kept["secret"].encode(),
        ignore_case=kept["ignore_case"],
        whole_installation=kept.get("whole_installation", False),  # as of before there was a difference
        reason=RESTORED,
        requested_by=kept["requested_by"],
        requested_at=datetime.fromisoformat(kept["requested_at"]),
        task=task,
    )


def _enqueue(tx: Transaction, erasure: Erasure, *, task: UUID, now: datetime) -> None:
    enqueue(
        tx,
        ERASE_PERSON,
        ErasePerson(project=erasure.project, erasure=erasure.id),
        task_id=task,
        project=erasure.project,
        not_before=now + SETTLED,
        now=now,
    )
