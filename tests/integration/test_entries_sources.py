"""The sources of a project, as the console shows and sets them."""

from collections.abc import Callable
from uuid import UUID

import pytest
from scored_frames import NOON

from oddline.database import Database
from oddline.entries import set_source_threshold, source_views
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
        first = source_views(tx, project=project, limit=2)
        rest = source_views(tx, project=project, after=first[-1]["name"], limit=2)

    assert [source["name"] for source in first + rest] == ["auth", "billing", "checkout"]
    assert (first[0]["entries"], first[0]["threshold"]) == (0, None)


def test_a_threshold_is_set_and_given_back(console: Database, project: UUID) -> None:
    with console.transaction(project=project) as tx:
        own = set_source_threshold(tx, project=project, name="auth", threshold=0.8)
        default = set_source_threshold(tx, project=project, name="auth", threshold=None)

    assert (own["threshold"], default["threshold"]) == (0.8, None)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_that_no_score_can_have_is_refused(console: Database, project: UUID, threshold: float) -> None:
    with console.transaction(project=project) as tx, pytest.raises(InvalidParameter):
        set_source_threshold(tx, project=project, name="auth", threshold=threshold)


def test_an_unknown_source_is_not_found(console: Database, project: UUID, other_project: UUID) -> None:
    with console.transaction(project=other_project) as tx, pytest.raises(NotFound):
        set_source_threshold(tx, project=project, name="auth", threshold=0.5)
