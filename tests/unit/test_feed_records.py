"""Records of feeds: what is taken for their time."""

from datetime import UTC, datetime

import pytest

from oddline.streams.records import as_time

MOMENT = datetime(2026, 11, 5, 8, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-05T08:15:30Z",
        "2026-11-05T10:15:30+02:00",
        1_793_866_530,
        1_793_866_530_000,
        "1793866530000",
        "1793866530",
    ],
)
def test_a_time_is_taken_in_whichever_form_it_is_written(written: object) -> None:
    assert as_time(written) == MOMENT


def test_milliseconds_that_could_be_a_date_without_its_signs_are_milliseconds() -> None:
    assert as_time("1801010112345") == datetime(2027, 1, 27, 0, 35, 12, 345_000, tzinfo=UTC)


@pytest.mark.parametrize(
    "written", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-01:00", "1899-12-30", "soon", True]
)
def test_what_cannot_be_the_time_of_an_entry_is_none(written: object) -> None:
    assert as_time(written) is None
