"""What the tasks of chunks do."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any, Final

from oddline.chunks.compaction import Compactor, clear_replaced
from oddline.chunks.retention import delete_expired, drop_hot_days, drop_pattern_days, forget_unseen, sweep_unnamed
from oddline.metrics import COMPACTION
from oddline.submissions import new_id
from oddline.tasks import NoPayload, TaskContext

RUN_TIME: Final = timedelta(minutes=4)  # below the schedule's five; what is left is merged by the next run


def compact_chunks(payload: NoPayload, context: TaskContext) -> dict[str, Any]:  # noqa: ARG001
    """Merge the chunks that are due, and delete what merges replaced more than an hour ago."""
    compactor = Compactor(db=context.db, objects=context.objects, clock=context.clock, new_id=new_id)
    done = compactor.run(until=context.clock() + RUN_TIME)
    context.metrics.emit(COMPACTION, {"RewrittenBytes": done.bytes_written})
    deleted = clear_replaced(context.db, context.objects, now=context.clock())
    return {**asdict(done), "objects_deleted": deleted}


def cleanup_old_logs(payload: NoPayload, context: TaskContext) -> dict[str, Any]:  # noqa: ARG001
    """Delete what is past its project's retention, hot days that all are done with, old patterns and lost objects."""
    now = context.clock()
    expired = delete_expired(context.db, now=now)
    hot = drop_hot_days(context.db, now=now)
    drop_pattern_days(context.db, now=now)
    forgotten = forget_unseen(context.db, days=context.settings.known_days, now=now)
    swept = sweep_unnamed(context.db, context.objects, now=now)
    return {
        "chunks_deleted": expired,
        "days_dropped": [day.isoformat() for day in hot.dropped],
        "days_kept": {day.isoformat(): reasons for day, reasons in hot.kept.items()},
        "patterns_forgotten": forgotten,
        "objects_swept": swept,
    }
