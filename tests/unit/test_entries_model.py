"""What can be asked of entries, and what is refused by the name of the field."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oddline.entries import EntryQuery, OddQuery
from oddline.entries.model import Position, Rank
from oddline.errors import InvalidParameter

MOMENT = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"time_from": MOMENT.replace(tzinfo=None)}, "from"),
        ({"time_to": MOMENT.replace(tzinfo=None)}, "to"),
        ({"time_from": MOMENT, "time_to": MOMENT - timedelta(microseconds=1)}, "to"),
        ({"sources": ("a", "")}, "source"),
        ({"sources": ("a\0",)}, "source"),
        ({"severity_minimum": 25}, "severity"),
        ({"severities": (9, -1)}, "severity"),
        ({"score_minimum": 1.01}, "minimum_score"),
        ({"score_minimum": float("nan")}, "minimum_score"),
        ({"pattern_id": 2**31}, "pattern"),
        ({"pattern_id": -1}, "pattern"),
        ({"text": ""}, "text"),
        ({"text": "x" * 1_001}, "text"),
        ({"text": "a\0b"}, "text"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(asked: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        EntryQuery(**asked)

    assert refused.value.extra["field"] == field


@pytest.mark.parametrize("asked", [{"order": "loudest"}, {"score_minimum": -1}, {"sources": ("",)}])
def test_what_cannot_be_asked_of_odd_entries_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameter):
        OddQuery(**asked)


@pytest.mark.parametrize(
    ("asked", "numbers"),
    [
        ({"severity_minimum": 22}, [22, 23, 24]),
        ({"severities": (9, 17)}, [9, 17]),
        ({"severity_minimum": 10, "severities": (9, 17)}, [17]),
        ({"severity_minimum": 0}, list(range(25))),
    ],
)
def test_severities_become_a_mask(asked: dict[str, Any], numbers: list[int]) -> None:
    mask = EntryQuery(**asked).severity_mask()

    assert mask == sum(1 << number for number in numbers)


def test_any_severity_is_no_mask() -> None:
    assert EntryQuery().severity_mask() is None


@given(st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)), st.uuids())  # noqa: DTZ001
def test_a_position_survives_its_way_through_a_client(timestamp: datetime, identifier: UUID) -> None:
    position = Position(timestamp, identifier)

    assert Position.decode(position.encode()) == position


@given(st.floats(0, 1, width=32), st.uuids())
def test_a_rank_survives_its_way_through_a_client(score: float, identifier: UUID) -> None:
    rank = Rank(score, identifier)

    assert Rank.decode(rank.encode()) == rank


@given(st.text())
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter):
        Position.decode("!" + text)


@pytest.mark.parametrize("score", [1e-300, 1e300, -5.0, float("nan"), float("inf")])
def test_a_rank_with_a_score_that_none_can_be_is_no_cursor(score: float) -> None:
    with pytest.raises(InvalidParameter, match="cursor"):
        Rank.decode(Rank(score, UUID(int=1)).encode())
