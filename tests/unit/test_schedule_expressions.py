"""Expressions fire when EventBridge Scheduler says they do: its examples, its calendar, its daylight saving time."""

from calendar import SATURDAY, monthrange
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from oddline.errors import InvalidParameter
from oddline.schedules import parse
from oddline.schedules.cron import nearest_weekday
from oddline.schedules.expressions import zone_of

WEDNESDAY = datetime(2026, 11, 4, 10, 0, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")  # clocks go forward on 28 March 2027 and back on 25 October 2026


def shown(expression: str, *, count: int = 3, after: datetime = WEDNESDAY, zone: tzinfo = UTC) -> list[str]:
    times = islice(parse(expression).times(after=after, zone=zone), count)
    return [f"{at.astimezone(zone):%a %Y-%m-%d %H:%M}" for at in times]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        # The examples of EventBridge's user guides.
        ("rate(1 minute)", ["Wed 2026-11-04 10:01", "Wed 2026-11-04 10:02", "Wed 2026-11-04 10:03"]),
        ("rate(5 minutes)", ["Wed 2026-11-04 10:05", "Wed 2026-11-04 10:10", "Wed 2026-11-04 10:15"]),
        ("rate(1 hour)", ["Wed 2026-11-04 11:00", "Wed 2026-11-04 12:00", "Wed 2026-11-04 13:00"]),
        ("rate(1 day)", ["Thu 2026-11-05 00:00", "Fri 2026-11-06 00:00", "Sat 2026-11-07 00:00"]),
        ("cron(0 10 * * ? *)", ["Thu 2026-11-05 10:00", "Fri 2026-11-06 10:00", "Sat 2026-11-07 10:00"]),
        ("cron(15 12 * * ? *)", ["Wed 2026-11-04 12:15", "Thu 2026-11-05 12:15", "Fri 2026-11-06 12:15"]),
        ("cron(0 18 ? * MON-FRI *)", ["Wed 2026-11-04 18:00", "Thu 2026-11-05 18:00", "Fri 2026-11-06 18:00"]),
        ("cron(0 8 1 * ? *)", ["Tue 2026-12-01 08:00", "Fri 2027-01-01 08:00", "Mon 2027-02-01 08:00"]),
        ("cron(0/15 * * * ? *)", ["Wed 2026-11-04 10:15", "Wed 2026-11-04 10:30", "Wed 2026-11-04 10:45"]),
        ("cron(0/10 * ? * MON-FRI *)", ["Wed 2026-11-04 10:10", "Wed 2026-11-04 10:20", "Wed 2026-11-04 10:30"]),
        ("cron(0/5 8-17 ? * MON-FRI *)", ["Wed 2026-11-04 10:05", "Wed 2026-11-04 10:10", "Wed 2026-11-04 10:15"]),
        ("cron(0 9 ? * 2#1 *)", ["Mon 2026-12-07 09:00", "Mon 2027-01-04 09:00", "Mon 2027-02-01 09:00"]),
        ("cron(15 10 ? * 6L 2026-2027)", ["Fri 2026-11-27 10:15", "Fri 2026-12-25 10:15", "Fri 2027-01-29 10:15"]),
        ("at(2026-11-20T13:00:00)", ["Fri 2026-11-20 13:00"]),
        # Days of the week: Sunday is 1.
        ("cron(0 8 ? * SUN *)", ["Sun 2026-11-08 08:00", "Sun 2026-11-15 08:00", "Sun 2026-11-22 08:00"]),
        ("cron(0 8 ? * 1 *)", ["Sun 2026-11-08 08:00", "Sun 2026-11-15 08:00", "Sun 2026-11-22 08:00"]),
        ("cron(0 8 ? * 7 *)", ["Sat 2026-11-07 08:00", "Sat 2026-11-14 08:00", "Sat 2026-11-21 08:00"]),
        ("cron(0 8 ? * L *)", ["Sat 2026-11-07 08:00", "Sat 2026-11-14 08:00", "Sat 2026-11-21 08:00"]),
        ("cron(0 8 ? * FRI#2 *)", ["Fri 2026-11-13 08:00", "Fri 2026-12-11 08:00", "Fri 2027-01-08 08:00"]),
        ("cron(0 8 ? * SAT-SUN *)", ["Sat 2026-11-07 08:00", "Sun 2026-11-08 08:00", "Sat 2026-11-14 08:00"]),
        # Days of the month.
        ("cron(0 9 L * ? *)", ["Mon 2026-11-30 09:00", "Thu 2026-12-31 09:00", "Sun 2027-01-31 09:00"]),
        ("cron(0 9 LW * ? *)", ["Mon 2026-11-30 09:00", "Thu 2026-12-31 09:00", "Fri 2027-01-29 09:00"]),
        ("cron(0 9 15W * ? *)", ["Mon 2026-11-16 09:00", "Tue 2026-12-15 09:00", "Fri 2027-01-15 09:00"]),
        ("cron(0 9 1W 8,5 ? *)", ["Mon 2027-05-03 09:00", "Mon 2027-08-02 09:00", "Mon 2028-05-01 09:00"]),
        ("cron(0 9 31W * ? *)", ["Thu 2026-12-31 09:00", "Fri 2027-01-29 09:00", "Wed 2027-03-31 09:00"]),
        ("cron(0 0 29 FEB ? *)", ["Tue 2028-02-29 00:00", "Sun 2032-02-29 00:00", "Fri 2036-02-29 00:00"]),
        # Hours that go past midnight, steps, years.
        ("cron(0 20-2/3 * * ? *)", ["Wed 2026-11-04 20:00", "Wed 2026-11-04 23:00", "Thu 2026-11-05 02:00"]),
        ("cron(5/20 10 4 11 ? *)", ["Wed 2026-11-04 10:05", "Wed 2026-11-04 10:25", "Wed 2026-11-04 10:45"]),
        ("cron(0 0 1 1 ? 2030/5)", ["Tue 2030-01-01 00:00", "Mon 2035-01-01 00:00", "Sun 2040-01-01 00:00"]),
        ("cron(59 23 31 12 ? 2199)", ["Tue 2199-12-31 23:59"]),
    ],
)  # fmt: skip
def test_an_expression_fires_when_eventbridge_would(expression: str, expected: list[str]) -> None:
    assert shown(expression) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "hourly",
        "rate(5 fortnights)",
        "rate(five minutes)",
        "rate(0 minutes)",
        "rate(-1 minutes)",
        "rate(1.5 hours)",
        "cron()",
        "cron(0 8 * *)",
        "cron(0 8 * * ?)",
        "cron(0 8 * * ? * *)",
        "cron(0  8 * * ? *)",
        "at(2026-11-20)",
        "at(2026-13-20T13:00:00)",
        "at(2026-11-20T13:00:00Z)",
        "cron(0 8 * * ? *) ",
        "x" * 300,
        "cron(\0 8 * * ? *)",
        "cron(60 8 * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 8 0 * ? *)",
        "cron(0 8 32 * ? *)",
        "cron(0 8 * 13 ? *)",
        "cron(0 8 * jan ? *)",
        "cron(0 8 ? * 0 *)",
        "cron(0 8 ? * 8 *)",
        "cron(0 8 ? * MON#6 *)",
        "cron(0 8 ? * 2#1,3#1 *)",
        "cron(0 8 ? * MON/2 *)",
        "cron(0 8 1,L * ? *)",
        "cron(0 8 32W * ? *)",
        "cron(0 8 * * ? 1969)",
        "cron(0 8 * * ? 2200)",
        "cron(0 8 * * ? 2030-2020)",
        "cron(0/0 8 * * ? *)",
        "cron(? 8 * * ? *)",
        "cron(0 8 * ? ? *)",
        "cron(0, 8 * * ? *)",
        "cron(²5 8 * * ? *)",
        "cron(0 8 * * * *)",
        "cron(0 8 ? * ? *)",
        "cron(0 8 1 * MON *)",
    ],
)
def test_what_eventbridge_would_not_know_is_refused(expression: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        parse(expression)

    assert refused.value.extra == {"field": "expression"}
    assert len(refused.value.detail) < 500


def test_more_often_than_once_a_minute_is_refused_and_the_answer_says_so() -> None:
    with pytest.raises(InvalidParameter, match="nothing fires more than once a minute"):
        parse("rate(30 seconds)")


def test_a_day_that_no_month_has_is_refused_and_the_answer_says_so() -> None:
    with pytest.raises(InvalidParameter, match="there is no such day"):
        parse("cron(0 0 31 4,6 ? *)")


@pytest.mark.parametrize(
    "expression",
    [
        "at(2026-11-04T10:00:30)",
        "cron(0 0 29 2 ? 2027)",
        "cron(0 0 30W 2 ? *)",
        "cron(* * * * ? 2025)",
        "rate(999999999 days)",
    ],
)
def test_what_never_fires_again_has_no_times(expression: str) -> None:
    assert shown(expression) == []


def test_a_time_far_away_is_found_at_once() -> None:
    assert shown("cron(* * * * ? 2190)", count=1) == ["Fri 2190-01-01 00:00"]


def test_a_moment_at_which_it_fires_is_not_after_itself() -> None:
    on_the_minute = WEDNESDAY.replace(second=0)

    following = next(parse("rate(1 minute)").times(after=on_the_minute))

    assert following == on_the_minute + timedelta(minutes=1)


def test_a_rate_is_counted_from_its_anchor_which_is_the_first() -> None:
    anchor = WEDNESDAY + timedelta(hours=1, seconds=7)

    times = list(islice(parse("rate(7 hours)").times(after=WEDNESDAY, anchor=anchor), 2))

    assert times == [anchor, anchor + timedelta(hours=7)]


def test_a_time_that_clocks_skip_in_spring_is_left_out() -> None:
    before = datetime(2027, 3, 26, 12, tzinfo=UTC)

    assert shown("cron(30 2 * * ? *)", after=before, zone=BERLIN) == [
        "Sat 2027-03-27 02:30",
        "Mon 2027-03-29 02:30",
        "Tue 2027-03-30 02:30",
    ]
    assert shown("at(2027-03-28T02:30:00)", after=before, zone=BERLIN) == []


def test_a_time_that_clocks_show_twice_in_autumn_fires_once_the_first_time() -> None:
    before = datetime(2026, 10, 24, 12, tzinfo=UTC)

    times = list(islice(parse("cron(30 2 * * ? *)").times(after=before, zone=BERLIN), 2))

    assert times == [datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 26, 1, 30, tzinfo=UTC)]


def test_within_the_hour_that_comes_twice_what_fired_before_does_not_fire_again() -> None:
    second_time_two_ten = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)

    following = next(parse("cron(0/30 * * * ? *)").times(after=second_time_two_ten, zone=BERLIN))

    assert following == datetime(2026, 10, 25, 2, tzinfo=UTC)


def test_a_rate_of_a_day_has_24_hours_also_when_clocks_change() -> None:
    anchor = datetime(2026, 10, 24, 12, tzinfo=UTC)

    times = list(islice(parse("rate(1 day)").times(after=anchor, zone=BERLIN, anchor=anchor), 2))

    assert times == [anchor + timedelta(days=1), anchor + timedelta(days=2)]


@pytest.mark.parametrize("name", ["Nowhere", "../../etc/passwd", "/etc/passwd", "", "Europe", "Berlin\0", "x" * 5_000])
def test_what_is_no_time_zone_is_refused(name: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        zone_of(name)

    assert refused.value.extra == {"field": "timezone"}
    assert len(refused.value.detail) < 500


MOMENTS = st.datetimes(
    min_value=datetime(1990, 1, 1),  # noqa: DTZ001  # the zone is beside it
    max_value=datetime(2150, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu"]
)


@st.composite
def fields(draw: st.DrawFn, first: int, last: int) -> tuple[str, set[int]]:
    """A field's text, and which numbers it stands for."""
    begin, end, step = draw(st.integers(first, last)), draw(st.integers(first, last)), draw(st.integers(1, 20))
    around = range(begin, end + 1) if begin <= end else [*range(begin, last + 1), *range(first, end + 1)]
    kinds = [
        ("*", set(range(first, last + 1))),
        (f"{begin}", {begin}),
        (f"{begin},{end}", {begin, end}),
        (f"{begin}-{end}", set(around)),
        (f"{begin}-{end}/{step}", set(around[::step])),
        (f"{begin}/{step}", set(range(begin, last + 1, step))),
    ]
    return draw(st.sampled_from(kinds))


@settings(max_examples=50, deadline=None)
@given(fields(0, 59), fields(0, 23), fields(1, 31), fields(1, 12), MOMENTS, ZONES)
def test_times_go_forward_and_satisfy_every_field(
    minutes: tuple[str, set[int]],
    hours: tuple[str, set[int]],
    days: tuple[str, set[int]],
    months: tuple[str, set[int]],
    after: datetime,
    zone_name: str,
) -> None:
    zone = ZoneInfo(zone_name)
    assume(min(days[1]) < 29)  # days that no month has are refused

    times = list(
        islice(parse(f"cron({minutes[0]} {hours[0]} {days[0]} {months[0]} ? *)").times(after=after, zone=zone), 20)
    )

    assert times == sorted(set(times))
    assert all(moment > after and moment.tzinfo is UTC for moment in times)
    for local in (moment.astimezone(zone) for moment in times):
        assert local.minute in minutes[1]
        assert local.hour in hours[1]
        assert local.day in days[1]
        assert local.month in months[1]


@settings(max_examples=25, deadline=None)
@given(fields(0, 59), fields(0, 23), MOMENTS)
def test_no_time_is_left_out(minutes: tuple[str, set[int]], hours: tuple[str, set[int]], after: datetime) -> None:
    until = after + timedelta(days=1)
    every_minute = (after.replace(second=0, microsecond=0) + timedelta(minutes=number) for number in range(1, 1_441))

    times = [
        at for at in islice(parse(f"cron({minutes[0]} {hours[0]} * * ? *)").times(after=after), 1_441) if at <= until
    ]

    assert times == [at for at in every_minute if at.minute in minutes[1] and at.hour in hours[1]]


@settings(deadline=None)
@given(st.integers(1990, 2150), st.integers(1, 12), st.integers(1, 31))
def test_the_nearest_weekday_is_one_of_the_month_and_none_is_nearer(year: int, month: int, day: int) -> None:
    found = nearest_weekday(year, month, day)

    days = range(1, monthrange(year, month)[1] + 1)
    weekdays = [one for one in days if date(year, month, one).weekday() < SATURDAY]
    if day in days:
        assert found in weekdays
        assert abs(found - day) == min(abs(one - day) for one in weekdays)
    else:
        assert found is None
