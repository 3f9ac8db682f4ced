"""A model on trial: it scores beside the live one, costs what the patterns cost, harms nothing, and is compared."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from acting import TESTER
from inbox import Databases, Inbox, WatchedEncoder, shipped_encoder
from model_folders import built_in_version, model_folder

from oddline.errors import NotFound
from oddline.objects import FolderObjects
from oddline.scoring import Scorer, registry
from oddline.scoring.registry import Shadow, comparison

LINES = ["user 1 logged in", "kernel panic: out of memory, killed process 4711", "user 2 logged in"]


class Trial(WatchedEncoder):
    """The shipped model under another version, for which half the distance is wholly new."""

    def __init__(self, *, before: Callable[[Sequence[str]], None] | None = None) -> None:
        super().__init__(version="second", before=before)
        self.default_threshold = 0.01
        self.novelty_scale = shipped_encoder().novelty_scale / 2


@pytest.fixture
def inbox(db: Databases, tmp_path: Path) -> Inbox:
    return Inbox(db=db, objects=FolderObjects(tmp_path / "objects"))


def scorer_beside(inbox: Inbox, trial: Any, **options: Any) -> Scorer:
    scorer = inbox.scorer()
    scorer.shadow = Shadow(trial, **options)
    return scorer


def set_shadow(inbox: Inbox, tmp_path: Path) -> None:
    """Say that `second` is on trial, and let every worker know."""
    (tmp_path / "made").mkdir()
    registry.add_model(
        model_folder(tmp_path / "made", default_threshold=0.01),
        db=inbox.db("worker"),
        objects=inbox.objects,
        built_in=built_in_version(),
        by=TESTER,
        now=inbox.clock(),
    )
    registry.set_shadow(inbox.db("worker"), "second", by=TESTER, now=inbox.clock())
    inbox.clock.move(timedelta(minutes=3))


def report(inbox: Inbox, project: UUID, **options: Any) -> dict[str, Any]:
    return registry.shadow_report(
        db=inbox.db("search"), objects=inbox.objects, project=project, hours=24, now=inbox.clock(), **options
    )


@pytest.mark.both_postgres
def test_every_entry_has_the_score_of_the_model_on_trial(inbox: Inbox, project: UUID) -> None:
    inbox.submit(project, *LINES, {"message": LINES[0], "source": "cart"})

    inbox.score(scorer_beside(inbox, Trial()))

    entries = inbox.entries(project)
    assert entries["shadow_score"].null_count() == 0
    # Where nothing is known all is new to both, and they read alike.
    assert entries["shadow_score"].to_list() == pytest.approx(entries["score"].to_list())
    assert entries["message"].to_list() == [*LINES, LINES[0]]


def test_it_reads_each_pattern_once(inbox: Inbox, project: UUID) -> None:
    trial = Trial()
    scorer = scorer_beside(inbox, trial)

    for _ in range(2):
        inbox.submit(project, *LINES * 50)
        inbox.score(scorer)
    inbox.submit(project, *LINES)
    inbox.score(scorer_beside(inbox, trial))

    assert len(trial.read) == 2


def test_a_model_on_trial_that_fails_harms_nothing(
    inbox: Inbox, project: UUID, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(patterns: Sequence[str]) -> None:
        raise RuntimeError("no answer")

    submission = inbox.submit(project, *LINES)

    inbox.score(scorer_beside(inbox, Trial(before=fail)))

    assert inbox.task(submission).state == "SUCCESS"
    assert inbox.entries(project)["shadow_score"].null_count() == 3
    assert "the shadow model second failed" in caplog.text


def test_a_slow_model_on_trial_is_left_behind_and_catches_up(inbox: Inbox, project: UUID) -> None:
    lines = [f"{'very ' * number}odd" for number in range(100)]
    hurried = iter(range(1_000))
    inbox.submit(project, *lines)
    inbox.score(scorer_beside(inbox, trial := Trial(), stopwatch=lambda: float(next(hurried))))
    inbox.submit(project, *lines)
    inbox.score(scorer_beside(inbox, trial))

    assert inbox.entries(project)["shadow_score"].null_count() == 36
    assert len(trial.read) == 100


@pytest.mark.both_postgres
def test_the_report_tells_how_the_two_differ(inbox: Inbox, project: UUID, tmp_path: Path) -> None:
    set_shadow(inbox, tmp_path)
    inbox.set_threshold(project, "cart", 1.0)
    inbox.submit(project, *LINES, *({"message": line, "source": "cart"} for line in LINES))
    inbox.score(scorer_beside(inbox, Trial()))

    told = report(inbox, project)

    live = inbox.entries(project)
    odd = live.filter("is_anomaly").height
    assert (told["shadow"], told["live"], told["entries"], told["pairs"]) == ("second", None, 6, 4)
    assert told["correlation"] == pytest.approx(1.0)
    assert told["mean_difference"] == pytest.approx(0.0)
    assert told["anomalies"] == {"both": odd, "only_live": 0, "only_shadow": 3 - odd}
    assert {(row["source"], row["pattern"]) for row in told["patterns"]} >= {("cart", "user <num> logged in")}


def test_the_report_leaves_out_what_another_model_on_trial_said(inbox: Inbox, project: UUID, tmp_path: Path) -> None:
    inbox.submit(project, *LINES)
    inbox.score(scorer_beside(inbox, Trial()))
    inbox.clock.move(timedelta(hours=1))
    set_shadow(inbox, tmp_path)

    told = report(inbox, project)

    assert (told["entries"], told["pairs"], told["correlation"], told["patterns"]) == (0, 0, None, [])


def test_the_report_says_how_far_back_it_came(inbox: Inbox, project: UUID, tmp_path: Path) -> None:
    set_shadow(inbox, tmp_path)
    scorer = scorer_beside(inbox, Trial())
    for _ in range(comparison.PARTS_AT_ONCE + 1):
        inbox.submit(project, *LINES)
        inbox.clock.move(timedelta(seconds=1))
        inbox.score(scorer)
    seconds = iter(range(0, 10_000, 100))

    told = report(inbox, project, stopwatch=lambda: float(next(seconds)))

    assert told["entries"] == comparison.PARTS_AT_ONCE * len(LINES)
    assert told["read_from"] > inbox.clock() - timedelta(minutes=1)


def test_without_a_model_on_trial_there_is_no_report(inbox: Inbox, project: UUID) -> None:
    with pytest.raises(NotFound):
        report(inbox, project)
