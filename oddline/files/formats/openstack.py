"""OpenStack's services, by oslo.log; with the name of the file in front where several were put together."""

from typing import Final

from oddline.files.headers import Layout, headed
from oddline.files.time_forms import ISO

FORMATS: Final = (
    headed(
        "openstack",
        Layout(
            r"(?:(?P<file>\S{1,200}\.log\S{0,100}) )?{time} (?P<pid>\d+) (?P<level>[A-Z]+) (?P<logger>[\w.-]+)"
            r" (?:\[(?P<request>[^\]]*)\] )?(?P<message>.*)",
            ISO,
        ),
    ),
)
