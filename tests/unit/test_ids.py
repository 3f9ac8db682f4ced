"""Ids: times that sort, with room for the entries of a submission."""

from datetime import UTC, datetime

from oddline.submissions import entry_id, index_of, made_at, new_id, new_submission_id, submission_of

NOW_NS = 1_763_812_800_123_456_789


def test_an_id_is_a_uuid_of_version_7_that_tells_its_millisecond() -> None:
    made = new_id(clock_ns=lambda: NOW_NS)

    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert made_at(made) == datetime.fromtimestamp(NOW_NS // 1_000_000 / 1000, tz=UTC)


def test_ids_of_one_millisecond_are_in_the_order_of_their_making() -> None:
    made = [new_id(clock_ns=lambda at=NOW_NS + step * 1_000: at) for step in range(500)]

    assert made == sorted(made)


def test_an_entry_names_its_submission_and_its_index() -> None:
    submission = new_submission_id()

    entries = [entry_id(submission, index) for index in (0, 1, 16_383)]

    assert entries[0] == submission
    assert [submission_of(entry) for entry in entries] == [submission] * 3
    assert [index_of(entry) for entry in entries] == [0, 1, 16_383]
