"""Sequences: the entries of one session as a whole, judged by what the sessions of its source usually look like."""

from typing import TYPE_CHECKING

from oddline.lazy import face

if TYPE_CHECKING:
    from oddline.scoring.sequences.erasing import erase_open_sessions
    from oddline.scoring.sequences.profile import Profile
    from oddline.scoring.sequences.sample import Sample
    from oddline.scoring.sequences.service import detect_sequences
    from oddline.scoring.sequences.store import OddSequence

__all__ = ["OddSequence", "Profile", "Sample", "detect_sequences", "erase_open_sessions"]

__getattr__ = face(
    __name__,
    {
        "erasing": ["erase_open_sessions"],
        "profile": ["Profile"],
        "sample": ["Sample"],
        "service": ["detect_sequences"],
        "store": ["OddSequence"],
    },
)
