"""What the evaluation counts, on cases small enough to count by hand."""

from pathlib import Path

import numpy as np
import pytest

from oddline.errors import NotConfigured
from oddline.patterns import Masker
from oddline.scoring.encoder import Encoder
from oddline.scoring.evaluation import bgl, explanations, sequences, service, severities, streams, tricks
from oddline.scoring.evaluation.metrics import auc, average_precision, f1
from oddline.scoring.evaluation.service import Bar
from oddline.scoring.training.corpus import HELD_OUT_KINDS
from oddline.scoring.training.handwritten import read, read_file
from oddline.settings import DEFAULT_MODEL

KNOWN = ["connection accepted", "disk <num> read"]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.load(DEFAULT_MODEL)


def test_auc_counts_pairs_and_ties_half() -> None:
    assert auc([3, 2], [1, 2]) == pytest.approx(3.5 / 4)


def test_auc_lets_a_value_stand_for_many() -> None:
    counted = auc([3, 2, 1], [1, 2], higher_counts=[1, 4, 0], lower_counts=[2, 3])

    assert counted == pytest.approx(auc([3, 2, 2, 2, 2], [1, 1, 2, 2, 2]))


def test_average_precision_takes_equal_scores_together() -> None:
    assert average_precision([3, 2, 2, 1], np.array([True, True, False, True])) == pytest.approx(
        (1 + 2 / 3 + 3 / 4) / 3
    )


def test_f1_is_nothing_without_a_hit() -> None:
    odd = np.array([True, False, True])

    assert f1(np.array([False, True, False]), odd) == 0.0
    assert f1(np.array([True, True, False]), odd) == pytest.approx(0.5)


def test_each_trick_puts_a_new_failure_above_what_is_known() -> None:
    for name, trick in tricks.TRICKS.items():
        failure, known = trick(KNOWN, ["controller failed hard", KNOWN[0]])

        assert failure > known, name


def test_a_bar_can_be_missed_and_a_figure_can_be_absent() -> None:
    bar = Bar(("bgl100k", "auc"), 0.9)

    assert bar.reached_by({"bgl100k": {"auc": 0.95}}) == (0.95, True)
    assert bar.reached_by({"bgl100k": {"auc": 0.85}}) == (0.85, False)
    assert bar.reached_by({}) == (None, False)
    assert Bar(("x",), 1, at_most=True).reached_by({"x": 2}) == (2.0, False)


def test_what_is_known_scores_nothing_and_a_new_failure_much(encoder: Encoder) -> None:
    known = {"lock acquired after <duration>", "request served in <duration>"}
    failure = "kernel panic: unable to mount the root file system"

    scores = streams.scores_of([*sorted(known), failure], known=known, encoder=encoder)

    assert scores[:2].tolist() == [0.0, 0.0]
    assert scores[2] >= encoder.default_threshold


def test_the_tested_part_of_a_stream_begins_behind_what_is_known(encoder: Encoder) -> None:
    lines = ["request 1 served"] * 20 + ["disk 3 failed, all data lost"] * 2 + ["request 2 served"] * 8
    stream = streams.Stream(lines, is_odd=np.array([line.startswith("disk") for line in lines]), known=10)

    figures = streams.measure(stream, encoder=encoder, masker=Masker())

    assert (figures["tested"], figures["odd"], figures["distinct_patterns"]) == (20, 2, 2)
    assert (figures["auc"], figures["f1"], figures["false_alarms_per_1000"]) == (1.0, 1.0, 0.0)
    assert figures["baselines"]["unseen"]["f1"] == 1.0


def test_bgl_is_judged_by_its_messages_alone(encoder: Encoder) -> None:
    line = "{} 1117838570 2005.06.03 R02-M1 2005-06-03-15.42.50.675872 R02-M1 RAS KERNEL INFO {}"
    lines = [line.format("-", "CE sym 2, at 0x0b85eee0, mask 0x05")] * bgl.KNOWN_LINES
    lines += [
        line.format("-", "CE sym 7, at 0x0b85eee4, mask 0x01"),
        line.format("KERNDTLB", "data TLB error interrupt"),
    ]

    figures = bgl.measure(lines, encoder=encoder, masker=Masker())

    assert (figures["tested"], figures["odd"], figures["distinct_patterns"]) == (2, 1, 2)
    assert figures["auc"] == 1.0


def test_what_the_data_lacks_is_told_before_anything_is_measured(tmp_path: Path) -> None:
    for lacking in (bgl.FILE, sequences.FOLDER):
        with pytest.raises(NotConfigured, match=f"holds no {lacking}"):
            service.measure(model=DEFAULT_MODEL, data=tmp_path, report=lambda what: pytest.fail(f"{what} is measured"))

        (tmp_path / lacking).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / lacking).touch()


def test_the_kinds_of_software_that_severity_is_measured_on_are_in_no_training_line() -> None:
    held_out = {line.kind for line in read_file(severities.HELD_OUT_KINDS)}
    trained = {line.kind for line in read()}

    assert len(held_out) == 10
    assert not held_out & trained
    assert trained >= HELD_OUT_KINDS


def test_half_of_the_measured_lines_are_severe_and_a_third_of_these_say_it_without_severity_words() -> None:
    lines = read_file(severities.HELD_OUT_KINDS)
    severe = [line.text for line in lines if line.severity == 1.0]
    routine = [line.text for line in lines if line.severity == 0.0]

    assert len(severe) >= 150
    assert len(routine) >= 150
    assert (tricks.has_severity_word(severe) == 0).mean() >= 1 / 3
    assert (tricks.has_severity_word(routine) == 1).mean() >= 1 / 3


def test_the_words_that_an_explanation_names_first_matter_three_times_as_much_as_others(encoder: Encoder) -> None:
    figures = explanations.measure(encoder=encoder, masker=Masker())

    assert figures["lines"] > 20
    assert figures["drop_top"] >= 3 * figures["drop_random"]


def test_no_training_line_is_written_twice_in_a_file() -> None:
    for file in Path(severities.__file__).parents[1].glob("training/data/handwritten/*.txt"):
        texts = [line.text for line in read_file(file)]

        assert len(texts) == len(set(texts)), file.name
