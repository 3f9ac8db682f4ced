"""The error log of the Apache HTTP server, before and since its version 2.4."""

from typing import Final

from oddline.files.headers import Layout, headed
from oddline.files.severities import SEVERITIES
from oddline.files.time_forms import ASCTIME

_SEVERITIES: Final = {**SEVERITIES, **{f"trace{number}": "TRACE" for number in range(1, 9)}}
_CLIENT: Final = r"(?:\[client (?P<client>[^\]]+)\] )?"

FORMATS: Final = (
    headed(
        "apache_error",
        Layout(
            r"\[{time}\] \[(?P<module>[\w-]*):(?P<level>\w+)\] \[pid (?P<pid>\d+)(?::tid (?P<tid>\d+))?\] "
            rf"(?:\[remote (?P<remote>[^\]]+)\] )?{_CLIENT}(?:(?P<code>AH\d+): )?(?P<message>.*)",
            ASCTIME,
            severities=_SEVERITIES,
        ),
        Layout(rf"\[{{time}}\] \[(?P<level>\w+)\] {_CLIENT}(?P<message>.*)", ASCTIME, severities=_SEVERITIES),
    ),
)
