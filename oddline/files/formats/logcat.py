"""Android's logcat, as `-v threadtime` (the default) and `-v time` write it."""

from typing import Final

from oddline.files.headers import Layout, headed
from oddline.files.model import Entry
from oddline.files.time_forms import ISO, MONTH_DAY

_SEVERITIES: Final = {
    "V": "TRACE", "D": "DEBUG", "I": "INFO", "W": "WARN", "E": "ERROR", "F": "FATAL", "A": "FATAL",
}  # fmt: skip
_THREAD_TIME: Final = (
    r"{time} +(?:(?P<uid>\S+) +)?(?P<pid>\d+) +(?P<tid>\d+) (?P<level>[VDIWEFAS]) (?P<tag>.*?):(?: (?P<message>.*))?"
)
_TIME: Final = r"{time} (?P<level>[VDIWEFAS])/(?P<tag>[^(]*)\( *(?P<pid>\d+)\):(?: (?P<message>.*))?"


def _strip_tag(entry: Entry) -> None:
    """Tags are filled up with blanks."""
    attributes = entry["attributes"]
    if "tag" in attributes:
        attributes["tag"] = attributes["tag"].rstrip()


FORMATS: Final = (
    headed(
        "logcat",
        *(
            Layout(pattern, form, severities=_SEVERITIES, refine=_strip_tag)
            for pattern in (_THREAD_TIME, _TIME)
            for form in (MONTH_DAY, ISO)
        ),
    ),
)
