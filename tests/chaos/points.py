"""Places at which a process of the stack can be told to die or to freeze: whoever comes by first takes the order."""

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from signal import Signals
from typing import Any

FOLDER = "points"


def order(home: Path, point: str, signal: Signals) -> Path:
    """Have the next process that reaches `point` send itself `signal`; the file tells its pid once it did."""
    folder = home / FOLDER
    folder.mkdir(exist_ok=True)
    taken = folder / f"{point}.taken"
    taken.unlink(missing_ok=True)
    (folder / f"{point}.new").write_text(signal.name)
    (folder / f"{point}.new").rename(folder / point)
    return taken


def reach(point: str) -> None:
    """Obey the order for `point`, if there is one and no other process was faster."""
    place = Path(os.environ["ODDLINE_HOME"], FOLDER, point)
    mine = place.with_name(f"{point}.{os.getpid()}")
    try:
        place.rename(mine)
    except FileNotFoundError:
        return
    signal = Signals[mine.read_text()]
    mine.write_text(str(os.getpid()))
    mine.rename(place.with_name(f"{point}.taken"))
    os.kill(os.getpid(), signal)


def before(owner: Any, name: str, point: str) -> None:
    """Make the moment before a function of `owner` begins a place to break at."""

    def wrap(real: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(real)
        def wrapped(*args: Any, **options: Any) -> Any:
            reach(point)
            return real(*args, **options)

        return wrapped

    setattr(owner, name, wrap(getattr(owner, name)))


def after(owner: Any, name: str, point: str, *, when: Callable[[Any], Any] = lambda _: True) -> None:
    """The same for the moment after it, if what it returned is so."""

    def wrap(real: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(real)
        def wrapped(*args: Any, **options: Any) -> Any:
            returned = real(*args, **options)
            if when(returned):
                reach(point)
            return returned

        return wrapped

    setattr(owner, name, wrap(getattr(owner, name)))
