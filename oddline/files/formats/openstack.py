"""OpenStack's services, by oslo.log; with the name of the file in front where several were put together."""

from typing import Final

from oddline.files.headers import Layout, headed
from oddline.files.timestamps import ISO

FORMATS: Final = (
    headed(
        "openstack",
        Layout(
            r"(?:(?P<file>\S+\.log\S*) )?{time} (?P<pid>\d+) (?P<level>[A-Z]+) (?P<logger>[\w.-]+)"
            r" (?:\[(?P<request>[^\]]*)\] )?(?P<message>.*)",
            ISO,
        ),
    ),
)
