"""What CloudWatch Logs exports to S3: a line an event, its time before the message; known by Lambda's lines in it."""

import re
from typing import Final

from oddline.files.headers import Layout, headed
from oddline.files.levels import look_for_level
from oddline.files.model import Format, Sample
from oddline.files.time_forms import ISO

_NAMES: Final = re.compile(r"(?:^|/)(?:aws-logs-|exportedlogs/)|(?:^|/)\d{6}\.gz$")
_LAMBDA: Final = re.compile(r"^\S+Z (?:START|END|REPORT) RequestId: |^\S+Z INIT_START ")
_EVENTS: Final = headed("cloudwatch_export", Layout(r"{time} (?P<message>.*)", ISO, refine=look_for_level))


def _likeness(sample: Sample) -> float:
    is_export = _NAMES.search(sample.name) or any(map(_LAMBDA.match, sample.lines))
    return _EVENTS.likeness(sample) if is_export else 0.0


FORMATS: Final = (Format(_EVENTS.name, _likeness, _EVENTS.parser),)
