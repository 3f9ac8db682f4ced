"""How well severity ranks lines of software that the model has never met, and patterns that nobody has seen before."""

from pathlib import Path
from typing import Any, Final

from oddline.patterns import Masker
from oddline.scoring.encoder import Encoder, severity
from oddline.scoring.evaluation import sample, tricks
from oddline.scoring.evaluation.metrics import auc
from oddline.scoring.training.handwritten import read_file

HELD_OUT_KINDS: Final = Path(__file__).parent / "data" / "held_out_kinds.txt"
"""Lines of ten kinds of software, half severe, whose kinds are kept out of all training."""


def measure(*, encoder: Encoder, masker: Masker) -> dict[str, dict[str, Any]]:
    """`severity`: auc on the held-out kinds; `unseen`: auc on these and on what only the sample's later part has.

    Beside each the rank by severity words alone.
    """
    lines = read_file(HELD_OUT_KINDS)
    bad = masker.mask_many([line.text for line in lines if line.severity == 1.0])
    routine = masker.mask_many([line.text for line in lines if line.severity == 0.0])
    normal, caused = sample.unseen_patterns(masker)
    return {
        "severity": _figures(bad, routine, encoder=encoder),
        "unseen": _figures([*bad, *caused], [*routine, *normal], encoder=encoder),
    }


def _figures(bad: list[str], routine: list[str], *, encoder: Encoder) -> dict[str, Any]:
    severities = [[severity(one.severity_logit) for one in encoder.encode(patterns)] for patterns in (bad, routine)]
    words = [tricks.has_severity_word(patterns) for patterns in (bad, routine)]
    of_model, of_words = auc(*severities), auc(*words)
    return {
        "auc": round(of_model, 4),
        "word_list_auc": round(of_words, 4),
        "above_word_list": round(of_model - of_words, 4),
        "severe": len(bad),
        "routine": len(routine),
    }
