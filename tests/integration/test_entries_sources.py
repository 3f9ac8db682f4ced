"""The sources of a project, as the console shows and sets them."""

from collections.abc import Callable
from uuid import UUID

import pytest
from scored_frames import NOON

from oddline.database import Database
from oddline.entries import set_source_alarms, set_source_threshold, source_view, source_views
from oddline.errors import InvalidParameter, NotFound
from oddline.patterns import ensure_sources
from oddline.settings import Side


@pytest.fixture
def console(db: Callable[[Side], Database], project: UUID) -> Database:
    with db("worker").transaction() as tx:
        ensure_sources(tx, project, names=["checkout", "billing", "auth"], now=NOON)
    return db("console")


def test_sources_are_paged_by_their_names(console: Database, project: UUID) -> None:
    with console.transaction(project=project) as tx:
        first = source_views(tx, project=project, today=NOON.date(), limit=2)
        rest = source_views(tx, project=project, today=NOON.date(), after=first[-1]["name"], limit=2)

    assert [source["name"] for source in first + rest] == ["auth", "billing", "checkout"]
    assert (first[0]["entries"], first[0]["threshold"]) == (0, None)


def test_a_threshold_is_set_and_given_back(console: Database, project: UUID) -> None:
    with console.transaction(project=project) as tx:
        set_source_threshold(tx, project=project, name="auth", threshold=0.8)
        own = source_view(tx, project=project, name="auth", today=NOON.date())
        set_source_threshold(tx, project=project, name="auth", threshold=None)
        given_back = source_view(tx, project=project, name="auth", today=NOON.date())

    assert (own["threshold"], own["in_force"]["from"]) == (0.8, "fixed")
    assert (given_back["threshold"], given_back["in_force"]["from"]) == (None, "default")


def test_a_number_of_alarms_is_set_and_given_back(console: Database, project: UUID) -> None:
    with console.transaction(project=project) as tx:
        set_source_alarms(tx, project=project, name="auth", alarms_per_day=0.5)
        own = source_view(tx, project=project, name="auth", today=NOON.date())
        set_source_alarms(tx, project=project, name="auth", alarms_per_day=None)
        given_back = source_view(tx, project=project, name="auth", today=NOON.date())

    assert (own["alarms_per_day"], own["in_force"]["alarms_per_day"]) == (0.5, 0.5)
    assert (given_back["alarms_per_day"], given_back["in_force"]["alarms_per_day"]) == (None, 30.0)


@pytest.mark.parametrize("alarms_per_day", [0, -1, 100.1, float("nan"), float("inf")])
def test_a_number_of_alarms_that_nobody_can_mean_is_refused(
    console: Database, project: UUID, alarms_per_day: float
) -> None:
    with console.transaction(project=project) as tx, pytest.raises(InvalidParameter):
        set_source_alarms(tx, project=project, name="auth", alarms_per_day=alarms_per_day)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_that_no_score_can_have_is_refused(console: Database, project: UUID, threshold: float) -> None:
    with console.transaction(project=project) as tx, pytest.raises(InvalidParameter):
        set_source_threshold(tx, project=project, name="auth", threshold=threshold)


def test_another_project_s_source_is_neither_found_nor_set(
    console: Database, project: UUID, other_project: UUID
) -> None:
    with console.transaction(project=other_project) as tx:
        set_source_threshold(tx, project=project, name="auth", threshold=0.5)
        set_source_alarms(tx, project=project, name="auth", alarms_per_day=5)
        with pytest.raises(NotFound):
            source_view(tx, project=project, name="auth", today=NOON.date())

    with console.transaction(project=project) as tx:
        kept = source_view(tx, project=project, name="auth", today=NOON.date())
    assert (kept["threshold"], kept["alarms_per_day"]) == (None, None)
