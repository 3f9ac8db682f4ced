"""Have a model read patterns that it has not read, and keep what it says of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from oddline.database import Database
from oddline.patterns import Memo, find_patterns_by_id, insert_memos
from oddline.scoring.encoder import Encoded, Encoder, severity
from oddline.scoring.novelty import VIEW, Views

LEARNED_AT_ONCE = 128  # new patterns; stored at once, so that what is cut short leaves less for the next try


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern as scoring uses it."""

    id: int
    text: str
    severity: float
    severity_logit: float
    tokens: tuple[str, ...]
    shares: NDArray[np.float32]
    embedding: NDArray[np.float32]
    views: Views


def read_by_id(db: Database, project: UUID, *, pattern_ids: Sequence[int], encoder: Encoder) -> dict[int, Pattern]:
    """What a model says of the project's patterns of these ids, by id; it reads those that it has not seen."""
    read: dict[int, Pattern] = {}
    for start in range(0, len(pattern_ids), LEARNED_AT_ONCE):
        some = pattern_ids[start : start + LEARNED_AT_ONCE]
        with db.transaction() as tx:
            stored = find_patterns_by_id(tx, project, pattern_ids=some, model_version=encoder.version)
        unread = [one for one in stored if one.memo is None]
        memos = dict(
            zip((one.id for one in unread), map(memo_of, encoder.encode([one.pattern for one in unread])), strict=True)
        )
        if memos:
            with db.transaction() as tx:
                insert_memos(tx, project, memos=memos, model_version=encoder.version)
        read |= {one.id: pattern_of(one.id, one.pattern, one.memo or memos[one.id]) for one in stored}
    return read


def memo_of(encoded: Encoded) -> Memo:
    """What is to be kept of what the model said."""
    return Memo(
        severity_logit=encoded.severity_logit,
        tokens=encoded.tokens,
        shares=encoded.shares.astype("<f4").tobytes(),
        embedding=encoded.embedding.astype("<f4").tobytes(),
        views=encoded.views.tobytes(),
    )


def pattern_of(identifier: int, text: str, memo: Memo) -> Pattern:
    """A pattern as scoring uses it, of what was kept."""
    return Pattern(
        id=identifier,
        text=text,
        severity=severity(memo.severity_logit),
        severity_logit=memo.severity_logit,
        tokens=memo.tokens,
        shares=np.frombuffer(memo.shares, dtype="<f4"),
        embedding=np.frombuffer(memo.embedding, dtype="<f4"),
        views=unpack_views(memo.views),
    )


def unpack_views(packed: bytes) -> Views:
    """The views of a memo, (words, VIEW)."""
    return np.frombuffer(packed, dtype=np.int8).reshape(-1, VIEW)
