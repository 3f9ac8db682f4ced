"""Know the lines of a trace, which belong to the entry before them whatever the format."""

import re
from typing import Final

_BEGINS: Final = re.compile(
    r"Traceback \(most recent call last\):"
    r"|\s+at [\w$.<>/@ -]+\(|\s+at .+:\d+:\d+\)?$|\s+\.\.\. \d+ (?:more|common frames omitted)"
    r"|Caused by: |Suppressed: |\s+(?:Caused by|Suppressed): |\s*--- End of (?:inner exception )?stack trace"
    r"|goroutine \d+ \[[^\]]+\]:$|stack backtrace:$|Stack trace:$|\s+from \S+:\d+:in "
    r"|[a-zA-Z_$][\w$]*+(?:\.[\w$]+)+(?:Exception|Error|Throwable)(?:: .*)?$"
)
_NAME: Final = r"[\w./@$-]{1,200}"
_FRAME: Final = re.compile(  # of Go and PHP
    rf"{_NAME}(?:\(\*?[\w./\[\]]{{1,200}}\){_NAME})?\(.*\)$|created by |#\d+ |exit status \d+$"
)
_PYTHON_BEGINS: Final = "Traceback (most recent call last):"
_PYTHON_GOES_ON: Final = (
    _PYTHON_BEGINS,
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)


class Trace:
    """Whether the lines after an entry's first are a trace; one object an entry."""

    __slots__ = ("_is_open", "_is_python")

    @property
    def is_open(self) -> bool:
        """Whether the exception itself is still to come, which looks like any line."""
        return self._is_python

    def __init__(self) -> None:
        self._is_open = self._is_python = False

    def continues(self, line: str) -> bool:
        """Whether the line is the next of a trace."""
        if self._is_python:
            if line[0].isspace():
                return True
            self._is_python = line.startswith(_PYTHON_GOES_ON)
            return True  # the exception itself, or what leads over to the next trace
        if line.startswith(_PYTHON_GOES_ON if self._is_open else _PYTHON_BEGINS):
            self._is_open = self._is_python = True
            return True
        if _begins(line):
            self._is_open = True
            return True
        return self._is_open and (line[0] in " \t" or _FRAME.match(line) is not None)


def is_like_trace(line: str) -> bool:
    """Whether a line alone may be one of a trace."""
    return line[0] in " \t" or line.startswith(_PYTHON_GOES_ON) or _begins(line) or _FRAME.match(line) is not None


def _begins(line: str) -> bool:
    may_begin = line[0] in " \tTCSgs-" or "Exception" in line or "Error" in line or "Throwable" in line
    return may_begin and _BEGINS.match(line) is not None
