"""The layouts of log4j and logback that Java's servers write: Hadoop, HDFS, ZooKeeper, Kafka, Spark, Spring Boot."""

from typing import Final

from oddline.files.headers import Layout, headed
from oddline.files.time_forms import ISO, RUN_TOGETHER, SHORT_SLASHES

_LEVEL: Final = r"(?P<level>TRACE|DEBUG|INFO|WARN|ERROR|FATAL|OFF|SEVERE|WARNING)"
_LOGGER: Final = r"(?P<logger>[\w.$/-]+)"

FORMATS: Final = (
    headed(
        "log4j",
        Layout(rf"{{time}} {_LEVEL} +\[(?P<thread>.+?)\] {_LOGGER}(?:\((?P<line>\d+)\))?: (?P<message>.*)", ISO),
        Layout(rf"{{time}}(?: \[(?P<context>[^\]]*)\])? - {_LEVEL} +\[(?P<thread>.+?)\] - (?P<message>.*)", ISO),
        Layout(
            rf"{{time}} \[(?P<thread>[^\]]*)\] {_LEVEL} +{_LOGGER}(?:(?P<context> +\S.*?)| *) - (?P<message>.*)", ISO
        ),
        Layout(
            rf"{{time}} +{_LEVEL} +(?P<pid>\d+) --- (?P<thread>(?:\[[^\]]*\] ?)+) *(?P<logger>\S+) *: (?P<message>.*)",
            ISO,
        ),
        Layout(rf"\[{{time}}\] {_LEVEL} (?P<message>.*) \((?P<logger>[\w.$]+)\)", ISO),
        Layout(rf"{{time}} {_LEVEL} +{_LOGGER}: (?P<message>.*)", ISO),
        *(Layout(rf"{{time}} {_LEVEL} +{_LOGGER}: (?P<message>.*)", form) for form in SHORT_SLASHES),
        Layout(rf"{{time}} (?P<thread>\d+) {_LEVEL} +{_LOGGER}: (?P<message>.*)", RUN_TOGETHER),
    ),
)
