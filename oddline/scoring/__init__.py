"""Scoring: the model, what it remembers, and turning submissions into scored entries."""

from typing import TYPE_CHECKING

from oddline.lazy import face

if TYPE_CHECKING:
    from oddline.scoring.encoder import Encoded, Encoder, severity
    from oddline.scoring.folding import fold_counts
    from oddline.scoring.memory import Memories
    from oddline.scoring.model_folder import opened_model
    from oddline.scoring.offline import Block, Oddest, OddLine, OfflineScorer
    from oddline.scoring.service import Scored, Scorer, score_waiting
    from oddline.scoring.tasks import DETECT_RATES, DETECT_SEQUENCES, FOLD_COUNTS, REPLAY, TASKS, ReplayRange

__getattr__ = face(
    __name__,
    {
        "encoder": ("Encoded", "Encoder", "severity"),
        "folding": ("fold_counts",),
        "memory": ("Memories",),
        "model_folder": ("opened_model",),
        "offline": ("Block", "OddLine", "Oddest", "OfflineScorer"),
        "service": ("Scored", "Scorer", "score_waiting"),
        "tasks": ("DETECT_RATES", "DETECT_SEQUENCES", "FOLD_COUNTS", "REPLAY", "TASKS", "ReplayRange"),
    },
)

__all__ = [
    "DETECT_RATES",
    "DETECT_SEQUENCES",
    "FOLD_COUNTS",
    "REPLAY",
    "TASKS",
    "Block",
    "Encoded",
    "Encoder",
    "Memories",
    "OddLine",
    "Oddest",
    "OfflineScorer",
    "ReplayRange",
    "Scored",
    "Scorer",
    "fold_counts",
    "opened_model",
    "score_waiting",
    "severity",
]
