"""What a failure at the other end is told as, and how long a connection is then left alone."""

import random
from datetime import timedelta
from typing import Final

from oddline.errors import OddlineError
from oddline.tasks import Retry

BACK_OFF: Final = Retry(base=timedelta(seconds=30), cap=timedelta(minutes=15))
LONGEST_ERROR: Final = 1_000  # characters


def back_off(failures: int) -> timedelta:
    """How long to wait after so many failures: full jitter below a ceiling that doubles."""
    return BACK_OFF.ceiling(failures) * random.random()


def error_text(error: Exception, *, sealed: bool = False) -> str:
    """Why it failed, as the project's people may read it; `sealed`: with what the other end said, for administrators.

    A server may answer what it was sent, and that is how it is let in.
    """
    text = error.detail if isinstance(error, OddlineError) else f"an unexpected fault ({type(error).__name__})"
    if sealed and isinstance(error, OddlineError) and error.extra.get("said"):
        text = f"{text} {error.extra['said']}"
    return text.replace("\0", "")[:LONGEST_ERROR]
