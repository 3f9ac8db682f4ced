"""Decide which submissions call for a mail, and what it tells: one per submission, with its oddest lines."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import polars as pl

from oddline.database import Database
from oddline.identity import Project, read_project
from oddline.notifications import AnomalyLine, AnomalyMail
from oddline.patterns import cut_pieces
from oddline.scoring.explanation import token_shares
from oddline.scoring.reading import Pattern
from oddline.scoring.scorer import ScoredEntries
from oddline.submissions import Claimed, entry_id

MOST_LINES = 20
LONGEST_MESSAGE = 2_000  # characters, of which the mail shows the beginning


def plan_mails(scored: ScoredEntries, claimed: Sequence[Claimed], *, db: Database) -> list[AnomalyMail]:
    """The mails that these submissions call for, by what the project has set."""
    odd = scored.frame.filter("is_anomaly")
    if odd.is_empty():
        return []
    with db.transaction() as tx:
        project = read_project(tx, scored.project)
    if project is None or not project.mail_recipients:
        return []
    return list(_mails(odd.filter(pl.col("score") >= project.mail_minimum_score), scored, claimed, project))


def _mails(
    odd: pl.DataFrame, scored: ScoredEntries, claimed: Sequence[Claimed], project: Project
) -> Iterator[AnomalyMail]:
    for one in claimed:
        lines = odd.filter(pl.col("submission") == one.id.bytes).sort("score", "index", descending=[True, False])
        if lines.is_empty():
            continue
        yield AnomalyMail(
            project_name=project.name,
            submission_id=one.id,
            recipients=project.mail_recipients,
            total=lines.height,
            minimum_score=project.mail_minimum_score,
            lines=tuple(
                _line(row, scored.patterns[row["pattern_id"]]) for row in lines.head(MOST_LINES).iter_rows(named=True)
            ),
        )


def _line(row: Mapping[str, Any], pattern: Pattern) -> AnomalyLine:
    message = row["message"]
    shares = token_shares(pattern.text, tokens=pattern.tokens, shares=pattern.shares, message=message)
    return AnomalyLine(
        entry_id=entry_id(UUID(bytes=row["submission"]), row["index"]),
        timestamp=row["timestamp"],
        severity=row["severity_text"],
        source=row["source"],
        message=message[:LONGEST_MESSAGE],
        score=row["score"],
        threshold=row["threshold"],
        tokens=tuple(cut_pieces(shares, length=LONGEST_MESSAGE)),
        pattern=pattern.text,
    )
