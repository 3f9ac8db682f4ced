"""`oddline queues`: what waits in them, in Redis and in the ledger; hold, purge and release them."""

import json
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from oddline import fleet
from oddline.audit import Action, record
from oddline.cli.app import make_app
from oddline.cli.connecting import operator, operator_database, operator_settings
from oddline.cli.console import new_console
from oddline.database import Transaction
from oddline.errors import Conflict
from oddline.tasks import Queue

app = make_app(help="What waits in the queues; hold, purge and release them.")
console = new_console()

OPERATOR = "command line"  # who did it, as it stands on record
Name = Annotated[Queue, typer.Argument(help="the queue")]
Why = Annotated[str, typer.Option(help="why, for those who find it held")]


@app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="as JSON")] = False) -> None:
    """List the queues: messages in Redis beside what waits in the ledger, and which are held."""
    now = datetime.now(UTC)
    with operator_database() as db:
        found = fleet.list_queues(db, redis_url=operator_settings().redis_url, now=now)
    if as_json:
        print(json.dumps([queue.view() for queue in found], default=str))
        return
    table = Table("queue", "class", "messages", "due", "later", "oldest", "held", box=None)
    for queue in found:
        table.add_row(
            queue.queue,
            queue.queue.worker_class,
            "?" if queue.messages is None else str(queue.messages),
            str(queue.due),
            str(queue.later),
            f"{(now - queue.oldest).total_seconds():.0f} s" if queue.oldest else "",
            f"since {queue.hold.held_at:%Y-%m-%d %H:%M:%S}: {queue.hold.reason}" if queue.hold else "",
        )
    console.print(table)


@app.command()
def hold(queue: Name, reason: Why = "") -> None:
    """Have nobody take work of a queue: it waits in the ledger until the queue is released."""
    _hold(queue, reason, Action.QUEUE_HELD)
    console.print(f"{queue} is held; what runs goes on")


@app.command()
def purge(queue: Name, reason: Why = "") -> None:
    """Hold a queue and delete its messages in Redis; nothing is lost, its work stays in the ledger."""
    _hold(queue, reason, Action.QUEUE_PURGED)
    dropped = fleet.drop_messages(operator_settings().redis_url, queue)
    console.print(f"{queue} is held; {dropped} messages are deleted")
    console.print(f"`oddline queues release {queue}` has its work done", style="dim")


@app.command()
def release(queue: Name) -> None:
    """Let work of a queue be taken again; workers publish what waits within seconds."""
    with operator_database() as db, db.transaction() as tx:
        if not fleet.release(tx, queue):
            raise Conflict(f"{queue} is not held")
        _record(tx, Action.QUEUE_RELEASED, queue)
    console.print(f"{queue} is released")


def _hold(queue: Queue, reason: str, action: Action) -> None:
    with operator_database() as db, db.transaction() as tx:
        fleet.hold(tx, queue, by=OPERATOR, reason=reason, now=datetime.now(UTC))
        _record(tx, action, queue)


def _record(tx: Transaction, action: Action, queue: Queue) -> None:
    record(tx, project=None, by=operator(), action=action, subject=f"queue:{queue}", now=datetime.now(UTC))
