"""The audit daemon of Linux: a record a line, several of which are one event."""

from typing import Final

from oddline.files.headers import Layout, headed

FORMATS: Final = (
    headed(
        "auditd",
        Layout(
            r"(?:node=(?P<node>\S+) )?type=(?P<type>\S+) msg=audit\({time}:(?P<serial>\d+)\): ?(?P<message>.*)", None
        ),
    ),
)
