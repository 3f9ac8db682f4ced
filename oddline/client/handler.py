"""A handler for `logging`: what an application logs already becomes entries, at the cost of a queue."""

import logging
import ssl
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from oddline.client.calls import Transport
from oddline.client.connecting import wire_to
from oddline.client.records import NAME_CHARACTERS, Noted, clean, constant, entry_of, note
from oddline.client.sender import Sender, is_sending

QUEUE_RECORDS = 10_000
QUEUE_CHARACTERS = 64 * 1024 * 1024  # huge records are few: memory is bounded by this, too
BATCH_RECORDS = 1_000
INTERVAL_S = 1.0
TIMEOUT_S = 10.0
EXIT_TIMEOUT_S = 5.0


class OddlineHandler(logging.Handler):
    """Sends records in the background; it never blocks, and raises nothing into the application.

    While the API is away, the oldest `queue_records` are kept, of `queue_characters` at most, and tried again; newer
    ones are dropped and counted in `dropped`, and an entry says how many once the API is back. Records without text are
    left out.

    Args:
        url: of the API; else ODDLINE_URL.
        api_key: else ODDLINE_API_KEY.
        source: of all entries; the program's name if not given.
        attributes: of all entries, beside those of each record.
        queue_records: how many wait at most.
        queue_characters: of their messages and extras, together, at most.
        batch_records: a request holds at most so many.
        interval_s: a record waits at most so long until it is sent.
        timeout_s: of each request.
        exit_timeout_s: the end of the program is held up by at most so long; as much for `flush`.
        tls: of an API behind an authority of its own.
        transport: makes the calls instead of HTTP: for tests of yours.

    Raises:
        ValueError: there is no URL or no key, the URL is none of an API, or the attributes are too large.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        source: str | None = None,
        attributes: Mapping[str, Any] | None = None,
        queue_records: int = QUEUE_RECORDS,
        queue_characters: int = QUEUE_CHARACTERS,
        batch_records: int = BATCH_RECORDS,
        interval_s: float = INTERVAL_S,
        timeout_s: float = TIMEOUT_S,
        exit_timeout_s: float = EXIT_TIMEOUT_S,
        level: int | str = logging.NOTSET,
        tls: ssl.SSLContext | None = None,
        transport: Transport | None = None,
    ) -> None:
        self._wire = None if transport else wire_to(url, api_key, timeout_s=timeout_s, tls=tls)
        self._source = clean(source or Path(sys.argv[0]).stem).strip()[:NAME_CHARACTERS] or "python"
        constants, room = constant(attributes or {})
        self._sender: Sender[Noted] = Sender(
            transport=transport or self._wire,  # type: ignore[arg-type]  # one of the two is there
            entry_of=partial(entry_of, source=self._source, attributes=constants, room=room),
            dropped_entry=self._dropped_entry,
            capacity=queue_records,
            capacity_size=queue_characters,
            batch_entries=batch_records,
            interval_s=interval_s,
            exit_timeout_s=exit_timeout_s,
        )
        super().__init__(level)  # last: what logging knows of it will close at exit

    @property
    def dropped(self) -> int:
        """How many records of this process are lost: the queue was full, the API refused them, or time was up."""
        return self._sender.dropped

    def handle(self, record: logging.LogRecord) -> bool:
        """As every handler does, except with what the sending of records logs itself."""
        return False if is_sending() else super().handle(record)

    def emit(self, record: logging.LogRecord) -> None:
        """Put the record into the queue, if there is room; to drop it costs least."""
        try:
            if self._sender.has_room():
                message = self.format(record)
                if message and not message.isspace():
                    self._sender.put(note(record, message=message))
        except Exception:  # as `logging` has it: standard error tells of a record that cannot be formatted
            self.handleError(record)

    def flush(self) -> None:
        """Wait until what was logged is sent, for the timeout of exits at most."""
        self._sender.flush()

    def close(self) -> None:
        """Send what waits, in the timeout of exits; what is logged from now on is dropped."""
        self._sender.close()
        if self._wire:
            self._wire.close()
        super().close()

    def _dropped_entry(self, number: int) -> dict[str, Any]:
        return {
            "message": f"{number} log records of this process were dropped: they could not be sent in time",
            "timestamp": datetime.fromtimestamp(time.time(), UTC).isoformat(),
            "severity": "WARN",
            "source": self._source,
            "attributes": {"logger": __name__, "dropped": number},
        }
