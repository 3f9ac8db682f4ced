"""Every committed row gets one number, in one chain without gaps, whoever writes and whoever seals beside it."""

import random
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import boto3
import psycopg
import pytest
from acting import OTHER, TESTER
from botocore.exceptions import ClientError
from trail import KEEP_DAYS, Trail

from oddline import audit
from oddline.audit.heads import list_kept
from oddline.errors import ObjectStoreUnavailable
from oddline.objects import FolderObjects, S3Objects
from oddline.objects.model import NO_METADATA
from oddline.tasks import raised_alerts

WRITERS, TRANSACTIONS = 4, 12


@pytest.mark.both_postgres
def test_rows_are_numbered_and_chained_once_they_are_committed(trail: Trail) -> None:
    trail.act("source:a", "source:b")
    done = trail.seal()
    trail.act("source:c")

    again = trail.seal()

    assert (done, again) == ({"sealed": 2, "heads": 1, "cut": 0}, {"sealed": 1, "heads": 1, "cut": 0})
    assert trail.numbers() == [(1, "source:a"), (2, "source:b"), (3, "source:c")]
    verdict = trail.verdict()
    assert (verdict.finding, verdict.rows, verdict.heads, verdict.waiting) == (None, 3, 2, 0)


def test_a_slow_transaction_is_sealed_later_and_never_lost(trail: Trail) -> None:
    with trail.db("console").transaction(project=trail.project) as slow:
        trail.record(slow, "source:slow")
        trail.act("source:quick", by=OTHER)
        before = trail.seal()["sealed"]
    after = trail.seal()["sealed"]

    assert (before, after) == (0, 2)
    assert trail.numbers() == [(1, "source:slow"), (2, "source:quick")]


def test_with_many_writers_and_two_sealers_none_is_lost_and_none_doubled(trail: Trail) -> None:
    written: set[str] = set()
    ended = threading.Event()

    def write(writer: int) -> None:
        chance = random.Random(writer)
        for place in range(TRANSACTIONS):
            subjects = [f"source:{writer}-{place}-{one}" for one in range(chance.randint(1, 3))]
            with ExitStack() as stack:
                tx = stack.enter_context(trail.db("console").transaction(project=trail.project))
                for subject in subjects:
                    trail.record(tx, subject, by=TESTER if writer % 2 else OTHER)
                tx.execute("SELECT pg_sleep(%s)", [chance.choice([0, 0, 0.02])])
                if chance.random() < 0.2:
                    tx.rollback()
                    continue
            written.update(subjects)

    def seal() -> None:
        while not ended.is_set():
            trail.seal()

    writers = [threading.Thread(target=write, args=[writer]) for writer in range(WRITERS)]
    sealers = [threading.Thread(target=seal) for _ in range(2)]
    for thread in [*writers, *sealers]:
        thread.start()
    for thread in writers:
        thread.join()
    ended.set()
    for thread in sealers:
        thread.join()
    trail.seal()

    numbers, subjects = zip(*trail.numbers(), strict=True)
    assert list(numbers) == list(range(1, len(written) + 1))
    assert set(subjects) == written
    assert trail.fault() is None


def test_each_project_has_a_chain_of_its_own(trail: Trail, other_project: UUID) -> None:
    other = Trail(trail.db, trail.heads, other_project)
    trail.act("source:a")
    other.act("source:b")
    with trail.db("worker").transaction() as tx:
        trail.record(tx, "model:m", project=audit.INSTALLATION)

    trail.seal()

    assert (trail.numbers(), other.numbers()) == ([(1, "source:a")], [(1, "source:b")])
    verdicts = list(audit.verify(trail.db("worker"), trail.heads))
    assert {verdict.project for verdict in verdicts} == {trail.project, other_project, audit.INSTALLATION}
    assert [(verdict.last, verdict.finding) for verdict in verdicts] == [(1, None)] * 3


def test_rows_of_before_a_restore_are_sealed_though_their_transactions_had_high_ids(trail: Trail) -> None:
    trail.act("source:a")
    trail.tamper("UPDATE audit_actions SET xid = '9000000000'::xid8", "UPDATE instance SET era = 2")
    trail.act("source:b")

    trail.seal()

    assert trail.numbers() == [(1, "source:a"), (2, "source:b")]


class Refusing(FolderObjects):
    """A store that is down, until it is not."""

    down = True

    def put(self, key: str, data: bytes, *, metadata: Mapping[str, str] = NO_METADATA) -> None:
        """Refuse, or put."""
        if self.down:
            raise ObjectStoreUnavailable
        super().put(key, data, metadata=metadata)


def test_a_head_that_could_not_be_written_is_written_by_the_next_run(trail: Trail, tmp_path: Path) -> None:
    trail.heads = store = Refusing(tmp_path / "refusing")
    trail.act("source:a")
    with pytest.raises(ObjectStoreUnavailable):
        trail.seal()
    sealed_meanwhile = trail.numbers()

    store.down = False
    trail.seal()

    assert sealed_meanwhile == [(1, "source:a")]
    assert list(list_kept(store)[trail.project].heads) == [1]
    assert trail.fault() is None


@pytest.fixture
def locked_bucket(aws_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket as infra/data.yaml makes it for heads: what is put there is locked."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    bucket = f"heads-{uuid4().hex}"
    client = boto3.client("s3", endpoint_url=aws_url)
    client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    client.put_object_lock_configuration(
        Bucket=bucket,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": KEEP_DAYS}},
        },
    )
    return bucket


def test_in_a_locked_bucket_heads_can_be_written_and_not_deleted(
    trail: Trail, locked_bucket: str, aws_url: str
) -> None:
    trail.heads = S3Objects(locked_bucket, endpoint_url=aws_url)
    trail.sealed("source:a")
    client = boto3.client("s3", endpoint_url=aws_url)
    [version] = client.list_object_versions(Bucket=locked_bucket)["Versions"]

    with pytest.raises(ClientError, match="AccessDenied"):
        client.delete_object(Bucket=locked_bucket, Key=version["Key"], VersionId=version["VersionId"])

    assert trail.fault() is None


def old(trail: Trail, *subjects: str, days: int) -> None:
    """Actions of so many days ago, sealed."""
    trail.clock.move(timedelta(days=-days))
    trail.act(*subjects)
    trail.clock.move(timedelta(days=days))
    trail.seal()


def test_what_is_past_its_time_goes_and_the_rest_stays_verifiable(trail: Trail) -> None:
    old(trail, "source:a", "source:b", days=KEEP_DAYS - 1)
    trail.sealed("source:c")
    trail.clock.move(timedelta(days=3))

    done = trail.seal()

    assert done == {"sealed": 0, "heads": 0, "cut": 2}
    assert trail.numbers() == [(3, "source:c")]
    verdict = trail.verdict()
    assert (verdict.finding, verdict.cut, verdict.last) == (None, 2, 3)


def test_nothing_of_the_last_30_days_is_cut_whatever_is_asked(trail: Trail) -> None:
    trail.sealed("source:a")
    [(digest,)] = trail.rows("SELECT hash FROM audit_actions")

    with pytest.raises(psycopg.errors.RaiseException, match="30 days"), trail.db("worker").transaction() as tx:
        tx.execute("SELECT cut_actions(%s, 0, 1, %s)", [trail.project, digest])

    assert trail.numbers() == [(1, "source:a")]


def test_what_was_made_old_by_hand_is_not_cut_but_told(trail: Trail) -> None:
    trail.sealed("source:a", "source:b")
    trail.tamper("UPDATE audit_actions SET at = at - interval '500 days' WHERE number = 1")

    done = trail.seal()

    assert done["cut"] == 0
    assert trail.fault() == ("changed", 1)
    with trail.db("worker").transaction() as tx:
        assert [(alert.kind, alert.project) for alert in raised_alerts(tx)] == [("audit_trail", trail.project)]


MALFORMED = {"at": "'infinity'", "details": "'no JSON'", "personal": "'\\xff00'"}


@pytest.mark.parametrize("column", MALFORMED)
def test_what_could_not_be_sealed_cannot_be_written_even_by_hand(trail: Trail, column: str) -> None:
    trail.act("source:a")

    with pytest.raises(psycopg.errors.CheckViolation):
        trail.tamper(f"UPDATE audit_actions SET {column} = {MALFORMED[column]}")


@pytest.mark.parametrize("column", ["at", "personal"])
def test_a_project_whose_trail_cannot_be_read_holds_up_no_other_and_is_told(
    trail: Trail, other_project: UUID, column: str
) -> None:
    trail.act("source:a")
    other = Trail(trail.db, trail.heads, other_project)
    other.act("source:b")
    trail.tamper(
        f"ALTER TABLE audit_actions DROP CONSTRAINT audit_actions_{column}",
        f"UPDATE audit_actions SET {column} = {MALFORMED[column]} WHERE project_id = '{trail.project}'",
    )

    done = trail.seal()

    assert done == {"sealed": 1, "heads": 1, "cut": 0}
    assert (other.verdict().finding, other.verdict().rows) == (None, 1)
    with trail.db("worker").transaction() as tx:
        assert [(alert.kind, alert.subject) for alert in raised_alerts(tx)] == [("audit_trail", str(trail.project))]
