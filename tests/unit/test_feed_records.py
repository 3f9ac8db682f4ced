"""Records of feeds: what is taken for their time."""

from datetime import UTC, datetime, timedelta

import pytest

from oddline.streams.records import Names, as_time, entry_of

MOMENT = datetime(2026, 11, 5, 8, 15, 30, tzinfo=UTC)
NOW = MOMENT + timedelta(days=90)


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-05T08:15:30Z",
        "2026-11-05T10:15:30+02:00",
        1_793_866_530,
        1_793_866_530_000,
        "1793866530000",
        "1793866530",
        "20261105081530",
        20_261_105_081_530,
    ],
)
def test_a_time_is_taken_in_whichever_form_it_is_written(written: object) -> None:
    assert as_time(written, now=NOW) == MOMENT


@pytest.mark.parametrize("written", ["20261105", 20_261_105, "2026-11-05"])
def test_a_day_is_its_beginning(written: object) -> None:
    assert as_time(written, now=NOW) == datetime(2026, 11, 5, tzinfo=UTC)


def test_milliseconds_that_could_be_a_date_without_its_signs_are_milliseconds() -> None:
    assert as_time("1801010112345", now=NOW) == datetime(2027, 1, 27, 0, 35, 12, 345_000, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "0001-01-01T00:00:00+05:00",
        "9999-12-31T23:59:59-01:00",
        "1899-12-30",
        "soon",
        True,
        12_345,
        86_400.5,
        "12345678",
        99_999_999_999_999,
        "²²²²²²²²",
        10**400,
        float("nan"),
        (NOW + timedelta(days=1, seconds=1)).timestamp(),
        (NOW + timedelta(days=1, seconds=1)).isoformat(),
        "20990101",
    ],
)
def test_what_cannot_be_the_time_of_an_entry_is_none(written: object) -> None:
    assert as_time(written, now=NOW) is None


def test_a_number_that_is_no_time_stays_what_it_is_in_an_entry_without_a_time() -> None:
    entry = entry_of({"message": "up", "timestamp": 12_345}, names=Names(), source="feed", now=NOW)

    assert ("timestamp" in entry, entry["attributes"]) == (False, {"timestamp": 12_345})
