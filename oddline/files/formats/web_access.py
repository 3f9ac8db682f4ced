"""Access logs of web servers: the common and the combined form, with what servers are told to add behind it."""

from typing import Final

from oddline.files.headers import Layout, headed
from oddline.files.model import Joins
from oddline.files.severities import severity_of_status
from oddline.files.time_forms import COMMON_LOG

_HOST_BEFORE_ADDRESS: Final = r"[\w-]+(?:\.[\w-]+)+(?= [\da-fA-F]*[.:][\da-fA-F.:]* \S+ .+ \[)"
_QUOTED: Final = r"(?:[^\"\\]|\\.)*"

FORMATS: Final = (
    headed(
        "web_access",
        Layout(
            rf"(?:(?P<virtual_host>\S+:\d+|{_HOST_BEFORE_ADDRESS}) )?"
            r"(?P<client>\S+) (?:-|(?P<identity>\S+)) (?:-|(?P<user>.+?)) \[{time}\] "
            rf"(?P<message>\"(?P<request>{_QUOTED})\" (?P<status>\d{{3}}|-) (?P<bytes>\d+|-))"
            rf"(?: \"(?P<referrer>{_QUOTED})\" \"(?P<agent>{_QUOTED})\")?(?: (?P<more>.*))?",
            COMMON_LOG,
            severity=("status", severity_of_status),
        ),
        joins=Joins.NOTHING,
    ),
)
