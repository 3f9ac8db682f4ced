"""SQL that counts what happened to tasks, hour by hour, and what of it is unusual."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from psycopg.rows import class_row

from oddline.database import Transaction
from oddline.streams import POLLS
from oddline.tasks import SEND_SYSTEM_ALERT

# Chance that a Poisson number with the usual mean is as high: a day asks some ten thousand times, of the same hours.
RARE = 1e-6
LEAST_USUAL = 2.0  # an hour, as in the catalogue: so that, of what never happens, 14 are too many and a few are not
LEAST_FACTOR = 2  # of the busiest hour: what comes in batches scatters more than chance would
LOOKED_BACK = timedelta(hours=25)  # the last hour, and the day before it


@dataclass(frozen=True, slots=True)
class TaskPattern:
    """How often one thing happened to tasks of a name in the last hour, and in the busiest of the 24 before.

    `least_usual` an hour are nothing to wonder at, whatever the day before was like.
    """

    what: str
    project: UUID | None
    name: str
    count: int
    usual: int
    least_usual: float = LEAST_USUAL

    @property
    def is_unusual(self) -> bool:
        """Whether it is twice the busiest hour of the day before, and no chance were that the mean of all hours.

        By Chernoff's bound, P(X >= n) <= exp(n - m - n ln(n/m)) for a Poisson X with the mean m < n (Mitzenmacher and
        Upfal, Probability and Computing, theorem 5.4).
        """
        mean = max(float(self.usual), self.least_usual)
        if self.count < LEAST_FACTOR * mean:
            return False
        return self.count * math.log(self.count / mean) - self.count + mean > -math.log(RARE)

    def told(self) -> str:
        """As operators read it."""
        whose = f" of project {self.project}" if self.project else ""
        return (
            f"{self.count} {self.what} of {self.name}{whose} within an hour;"
            f" in the busiest hour of the day before there were {self.usual}"
        )


def count(tx: Transaction, *, now: datetime) -> list[TaskPattern]:
    """What happened in the last hour, by project and name; scorings and polls aside, which come as lines come."""
    with tx.cursor(row_factory=class_row(TaskPattern)) as cursor:
        return cursor.execute(
            "WITH happened AS (SELECT 'starts' AS what, project_id, name, created_at AS at FROM tasks"
            # Ids are times, which no index on another column need tell.
            " WHERE id >= %(oldest)s AND created_at >= %(since)s AND name <> ALL (%(aside)s)"
            " UNION ALL SELECT CASE state WHEN 'FAILURE' THEN 'failures' ELSE 'cancels' END, project_id, name,"
            " finished_at FROM tasks WHERE state IN ('FAILURE', 'REVOKED') AND finished_at >= %(since)s"
            " AND (state = 'FAILURE' OR cancelled_at IS NOT NULL)),"
            " hourly AS (SELECT what, project_id, name, floor(extract(epoch FROM %(now)s - at) / 3600) AS hours_ago,"
            " count(*) AS times FROM happened WHERE at <= %(now)s GROUP BY 1, 2, 3, 4)"
            " SELECT what, project_id AS project, name, sum(times) FILTER (WHERE hours_ago = 0)::int AS count,"
            " coalesce(max(times) FILTER (WHERE hours_ago > 0), 0)::int AS usual FROM hourly"
            " GROUP BY 1, 2, 3 HAVING sum(times) FILTER (WHERE hours_ago = 0) > 0 ORDER BY 1, 2, 3",
            {
                "now": now,
                "since": now - LOOKED_BACK,
                "oldest": UUID(int=int((now - LOOKED_BACK).timestamp() * 1000) << 80),
                "aside": [spec.name for spec in (SEND_SYSTEM_ALERT, *POLLS)],
            },
        ).fetchall()
