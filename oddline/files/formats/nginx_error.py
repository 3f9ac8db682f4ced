"""The error log of nginx."""

from typing import Final

from oddline.files.headers import Layout, headed
from oddline.files.time_forms import SLASHES

FORMATS: Final = (
    headed(
        "nginx_error",
        Layout(
            r"{time} \[(?P<level>\w+)\] (?P<pid>\d+)#(?P<tid>\d+): (?:\*(?P<connection>\d+) )?(?P<message>.*)", SLASHES
        ),
    ),
)
