"""The severities that logs name, as entries have them."""

from typing import Final

_NAMES: Final = {
    "TRACE": "trace trce verbose vrb finest finer t v debug5 debug4 debug3 debug2 debug1",
    "DEBUG": "debug dbug dbg fine d",
    "INFO": "info information informational inf i log config audit note",
    "NOTICE": "notice",
    "WARN": "warn warning wrn w",
    "ERROR": "error err eror severe failure failed fail e",
    "CRITICAL": "critical crit",
    "ALERT": "alert",
    "FATAL": "fatal ftl f panic dpanic",
    "EMERGENCY": "emergency emerg",
}
SEVERITIES: Final = {
    spelling: severity
    for severity, names in _NAMES.items()
    for name in names.split()
    for spelling in (name, name.upper(), name.capitalize())
}
"""By the name in small letters, in capitals, or with one."""
WORDS: Final = (
    "trace|debug|information|info|notice|warning|warn|error|err|severe|critical|crit|alert|fatal|panic|emergency|emerg"
)
"""The names that mean nothing else where a level may stand, for an expression."""
SYSLOG: Final = ("EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARN", "NOTICE", "INFO", "DEBUG")
"""By RFC 5424's number."""


def severity_of_status(status: str) -> str:
    """What an HTTP status says: a server's fault is an error, a caller's is worth a look."""
    return "ERROR" if status >= "500" else "WARN" if status >= "400" else "INFO"
