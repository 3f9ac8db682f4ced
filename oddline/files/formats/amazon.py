"""Access logs of Amazon's load balancers and of S3, and flow logs of its networks."""

from typing import Final

from oddline.files.headers import Layout, headed
from oddline.files.model import Joins
from oddline.files.severities import severity_of_status
from oddline.files.time_forms import COMMON_LOG, ISO

_QUOTED: Final = r"(?:[^\"\\]|\\.)*"
_REQUEST: Final = rf"\"(?P<request>{_QUOTED})\""
_FLOW: Final = (
    r"(?P<version>\d) (?P<account>\d{12}|unknown|-) (?P<interface>eni-\w+|-) (?P<from>\S+) (?P<to>\S+)"
    r" (?P<from_port>\S+) (?P<to_port>\S+) (?P<protocol>\S+) (?P<packets>\S+) (?P<bytes>\S+) {time} (?P<end>\d+)"
    r" (?P<message>(?P<action>ACCEPT|REJECT|-) (?P<status>OK|NODATA|SKIPDATA).*)"
)

FORMATS: Final = (
    headed(
        "aws_elb",
        Layout(
            r"(?P<type>https?|h2|grpcs?|wss?) {time} (?P<balancer>\S+) (?P<client>\S+) (?P<target>\S+)"
            r" (?P<times>\S+ \S+ \S+) (?P<status>\d{3}|-) (?P<target_status>\S+) (?P<received>\d+) (?P<sent>\d+)"
            rf" (?P<message>{_REQUEST}.*)",
            ISO,
            severity=("status", severity_of_status),
        ),
        Layout(
            r"{time} (?P<balancer>\S+) (?P<client>[\da-fA-F.:]+:\d+) (?P<target>[\da-fA-F.:]+:\d+|-)"
            r" (?P<times>\S+ \S+ \S+) (?P<status>\d{3}|-) (?P<target_status>\S+) (?P<received>\d+) (?P<sent>\d+)"
            rf" (?P<message>{_REQUEST}.*)",
            ISO,
            severity=("status", severity_of_status),
        ),
        joins=Joins.NOTHING,
    ),
    headed(
        "s3_access",
        Layout(
            r"(?P<owner>[\w-]+) (?P<bucket>[\w.-]+) \[{time}\] (?P<client>\S+) (?P<requester>\S+) (?P<request_id>\w+)"
            r" (?P<message>(?P<operation>[A-Z]+\.\S+) (?P<key>\S+)"
            rf" (?:-|{_REQUEST}) (?P<status>\d{{3}}|-).*)",
            COMMON_LOG,
            severity=("status", severity_of_status),
        ),
        joins=Joins.NOTHING,
    ),
    headed("vpc_flow", Layout(_FLOW, None), joins=Joins.NOTHING),
)
