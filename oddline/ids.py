"""Ids that carry their time, so that rows made one after the other lie beside each other and pages follow them."""

import os
import time
from collections.abc import Callable
from uuid import UUID


def new_id(*, clock_ns: Callable[[], int] = time.time_ns, randomness: Callable[[int], bytes] = os.urandom) -> UUID:
    """A UUIDv7: 48 bits of milliseconds, 12 of the millisecond's fraction (RFC 9562, 6.2, method 3), 62 of randomness.

    With the fraction, ids that one process makes one after the other are in that order.
    """
    milliseconds, rest_ns = divmod(clock_ns(), 1_000_000)
    fraction = rest_ns * 4096 // 1_000_000
    noise = int.from_bytes(randomness(8), "big") >> 2
    return UUID(int=(milliseconds & (1 << 48) - 1) << 80 | 7 << 76 | fraction << 64 | 0b10 << 62 | noise)
