"""One attempt of a claimed task: run with a heartbeat, ended by whoever cancels it, and its end written once."""

import logging
import random
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from oddline.database import Transaction
from oddline.errors import NotYet, OddlineError
from oddline.tasks import store
from oddline.tasks.alerts import SEND_SYSTEM_ALERT, raise_alert
from oddline.tasks.context import OnFailure, Run, TaskContext
from oddline.tasks.interruption import CANCEL_NOTICED, Interruption, TaskCancelled, interruptible
from oddline.tasks.lease import BEATS_PER_LEASE, heartbeat
from oddline.tasks.model import State, Task, TaskSpec
from oddline.tasks.publisher import LONGEST_COUNTDOWN
from oddline.tasks.sealing import seal, seal_text, shown, unseal
from oddline.tasks.workflow_store import child_ended

log = logging.getLogger(__name__)

SETTLED_KEPT = timedelta(days=3)  # what was cancelled or dropped, as long as results: so that it can be asked for
LONGEST_ERROR = 4_000  # characters of an error's text that the ledger keeps


@dataclass(slots=True)
class Attempt:
    """What this worker does of a task that it has claimed."""

    task: Task
    spec: TaskSpec
    context: TaskContext
    on_failure: OnFailure | None = None
    _cancel_noticed_at: datetime | None = field(default=None, init=False)

    def run(self, run: Run) -> Any:
        """What the task's code returns.

        Raises:
            TaskCancelled: somebody cancelled it before it returned.
            Exception: whatever else the code raises.
        """
        context = replace(self.context, task_id=self.task.id, report=self._report)
        lease = self.context.settings.lease
        with interruptible() as interruption:

            def beat() -> bool:
                return self._renew(interruption)

            with heartbeat(beat, lease=lease, every=CANCEL_NOTICED):
                given = unseal(self.task.payload, context.settings.cipher())
                return interruption.run(lambda: run(self.spec.payload.model_validate(given), context))

    def fail(self, error: Exception) -> None:
        """End the attempt with an error: the task is tried again after a while, or is a dead letter."""
        text = f"{type(error).__name__}: {error}".replace("\0", "")[:LONGEST_ERROR]
        if self.spec.sealed:
            text = seal_text(text, self.context.settings.cipher())
        permanent = isinstance(error, OddlineError) and error.permanent
        if permanent or self.task.attempt >= self.spec.retry.attempts:
            self.end(State.FAILURE, error=text)
            return
        wait = timedelta(seconds=random.uniform(0, self.spec.retry.ceiling(self.task.attempt).total_seconds()))
        self._try_again(wait, error=text)

    def put_off(self, later: NotYet) -> None:
        """End the attempt without an error; the next one begins when `later` says, if there is one left."""
        if later.counts and self.task.attempt >= self.spec.retry.attempts:
            self.fail(later)
        else:
            self._try_again(max(later.until - self.context.clock(), timedelta()), counts=later.counts)

    def _try_again(self, wait: timedelta, *, error: str | None = None, counts: bool = True) -> None:
        ended = self.end(State.RETRY, error=error, wait=wait, began=counts)
        if ended is State.RETRY and wait <= LONGEST_COUNTDOWN:
            self.context.publisher.wake(self.spec, task_id=self.task.id, countdown=wait)

    def end(
        self,
        state: State,
        *,
        result: Any = None,
        error: str | None = None,
        wait: timedelta | None = None,
        began: bool = True,
    ) -> State | None:
        """Write how the attempt ended, or that none `began` which counts, unless another worker holds the task by now.

        Returns how it ended in truth: a cancelled one is not tried again.
        """
        now = self.context.clock()
        if self.spec.sealed and result is not None:
            result = seal(result, self.context.settings.cipher())
        alert = parent = None
        with self.context.db.transaction() as tx:
            ended = store.finish(
                tx,
                self.task.id,
                attempt=self.task.attempt,
                state=state,
                now=now,
                kept_until=now + (self.spec.result_kept if state is State.SUCCESS else SETTLED_KEPT),
                result=result,
                error=error,
                not_before=now + wait if wait is not None else None,
                began=began,
            )
            if ended is not None and ended.ready:
                parent = child_ended(tx, self.task.id)
            if ended is State.FAILURE:
                self._mark_failed(tx)
                if self.spec.critical:
                    alert = raise_alert(
                        tx,
                        kind="critical_task",
                        subject=self.spec.name,
                        text=f"{self.spec.name} {self.task.id} failed for good: {shown(error)}",
                        now=now,
                        project=self.task.project,
                    )
        if alert is not None:
            self.context.publisher.wake(SEND_SYSTEM_ALERT, task_id=alert)
        if parent is not None and parent[1] in self.context.catalogue:
            self.context.publisher.wake(self.context.catalogue[parent[1]], task_id=parent[0])
        return ended

    def _mark_failed(self, tx: Transaction) -> None:
        if self.on_failure is None:
            return
        try:
            with tx.transaction():
                self.on_failure(tx, self.task)
        except Exception:  # whatever is wrong with it: the task itself must come to its end
            log.exception("what %s %s worked on could not be marked as failed", self.spec.name, self.task.id)

    def _report(self, progress: float) -> None:
        with self.context.db.transaction() as tx:
            cancelled = store.report_progress(tx, self.task.id, attempt=self.task.attempt, progress=progress)
        if cancelled:
            raise TaskCancelled("somebody has cancelled it")

    def _renew(self, interruption: Interruption) -> bool:
        """Called by the heartbeat's thread."""
        now, lease = self.context.clock(), self.context.settings.lease
        with self.context.db.transaction() as tx:
            hold = store.renew(
                tx,
                self.task.id,
                attempt=self.task.attempt,
                lease_until=now + lease,
                # Beats are more often than the lease needs: so that few of them write.
                slack=max(lease / BEATS_PER_LEASE - CANCEL_NOTICED, timedelta()),
            )
        if hold is store.Hold.CANCELLED:
            self._stop(interruption, now=now)
        return hold is not store.Hold.LOST

    def _stop(self, interruption: Interruption, *, now: datetime) -> None:
        """Interrupt the task, again and again if need be; one that goes on loses its process."""
        self._cancel_noticed_at = self._cancel_noticed_at or now
        if now - self._cancel_noticed_at < self.context.settings.cancel_grace:
            interruption.ask()
            return
        log.warning("task %s %s was cancelled and does not end: its process does", self.spec.name, self.task.id)
        self.end(State.REVOKED)
        self.context.end_process()
