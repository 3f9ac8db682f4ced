"""What each source has had of each pattern: on how many days, and until when it is remembered."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from inbox import Databases

from oddline.chunks.retention import forget_unseen
from oddline.patterns import Sighting, add_sightings, ensure_sources, known_patterns

pytestmark = pytest.mark.both_postgres

See = Callable[..., None]
FIRST = datetime(2026, 11, 1, 23, 30, tzinfo=UTC)
NIGHT = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def see(db: Databases, project: UUID) -> See:
    """Adds that a source had a pattern from a moment on, for some time."""

    def see(at: datetime, *, lasting: timedelta = timedelta(), pattern: int = 1, source: int = 1) -> None:
        sighting = Sighting(source, pattern, first_seen=at, last_seen=at + lasting, entries=5)
        with db("worker").transaction() as tx:
            add_sightings(tx, project, sightings=[sighting])

    return see


def known(db: Databases, project: UUID, *, source: int = 1, most: int = 100) -> dict[int, int]:
    """How many days it has been seen on, by pattern."""
    with db("worker").transaction() as tx:
        rows = known_patterns(tx, project, source_id=source, model_version="general-6", most=most)
    return {pattern: days for pattern, days, _ in rows}


@pytest.mark.parametrize(
    ("sightings", "days"),
    [
        ([(FIRST, timedelta())], 1),
        ([(FIRST, NIGHT)], 2),
        ([(FIRST, timedelta()), (FIRST + NIGHT / 4, timedelta())], 1),
        ([(FIRST, timedelta()), (FIRST + NIGHT, timedelta())], 2),
        ([(FIRST, timedelta()), (FIRST + NIGHT / 4, NIGHT)], 2),
        ([(FIRST, timedelta()), (FIRST + 5 * DAY, NIGHT)], 3),
        ([(FIRST + 5 * DAY, timedelta()), (FIRST, timedelta())], 1),
        ([(FIRST + number * DAY, timedelta()) for number in range(7)], 7),
    ],
    ids=["once", "over midnight", "twice a day", "two days", "into the next day", "days later", "backwards", "a week"],
)
def test_the_days_on_which_a_pattern_is_seen_are_counted(
    db: Databases, project: UUID, see: See, sightings: list[tuple[datetime, timedelta]], days: int
) -> None:
    for at, lasting in sightings:
        see(at, lasting=lasting)

    assert known(db, project) == {1: days}


def test_of_too_many_patterns_those_that_came_last_are_known(db: Databases, project: UUID, see: See) -> None:
    for pattern in (1, 2, 3):
        see(FIRST - pattern * DAY, pattern=pattern)

    assert known(db, project, most=2).keys() == {1, 2}


def test_of_those_of_a_day_the_ones_that_came_on_most_days_are_known(db: Databases, project: UUID, see: See) -> None:
    for pattern in (1, 2, 3):
        see(FIRST, pattern=pattern)
    see(FIRST - DAY, pattern=4)
    see(FIRST, pattern=4)

    assert 4 in known(db, project, most=1)


def test_a_pattern_that_a_source_has_not_had_for_long_is_forgotten(db: Databases, project: UUID, see: See) -> None:
    with db("worker").transaction() as tx:
        ensure_sources(tx, project, names=["cart", "shop"], now=FIRST)
    see(FIRST, pattern=1, source=1)
    see(FIRST, pattern=2, source=1)
    see(FIRST + DAY, pattern=1, source=2)

    forgotten = [forget_unseen(db("worker"), days=90, now=FIRST + days * DAY) for days in (90, 91)]

    assert forgotten == [0, 2]
    assert (known(db, project, source=1), known(db, project, source=2)) == ({}, {1: 1})
