"""The header of glog and klog, which Kubernetes and much of Google's software write."""

from typing import Final

from oddline.files.headers import Layout, headed
from oddline.files.time_forms import Hour, TimeForm


def _hour(text: str) -> Hour:
    day, hour = text.split(" ")
    return int(day[:-4]) if len(day) > 4 else None, int(day[-4:-2]), int(day[-2:]), int(hour)


_FORM: Final = TimeForm(
    "klog", r"(?P<t1>(?:\d{4})?\d{4} \d\d)(?P<t2>:[0-5]\d:[0-5]\d)\.(?P<t3>\d{1,9})(?P<t4>)?", _hour
)
_SEVERITIES: Final = {"D": "DEBUG", "I": "INFO", "W": "WARN", "E": "ERROR", "F": "FATAL"}

FORMATS: Final = (
    headed(
        "klog",
        Layout(
            r"(?P<level>[DIWEF]){time} +(?P<tid>\d+) (?P<file>[^\s:\]]+):(?P<line>\d+)\](?: (?P<message>.*))?",
            _FORM,
            severities=_SEVERITIES,
        ),
    ),
)
