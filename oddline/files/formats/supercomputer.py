"""Logs of supercomputers: BlueGene/L's RAS events, syslog as it was collected at Sandia, and a cluster's events."""

from typing import Final

from oddline.files.headers import Layout, headed

# The labels are those of the operators: what an alert is of, or a dash.
_COLLECTED: Final = r"(?P<label>\S+) {time} (?P<date>\d{4}\.\d\d\.\d\d) (?P<node>\S+) "

FORMATS: Final = (
    headed(
        "bgl",
        Layout(
            _COLLECTED + r"(?P<local_time>\d{4}-\d\d-\d\d-\d\d\.\d\d\.\d\d\.\d+) (?P<node_repeat>\S+)"
            r" (?P<type>\S+) (?P<component>\S+) (?P<level>\S+)(?: (?P<message>.*))?",
            None,
        ),
    ),
    headed(
        "thunderbird",
        Layout(
            _COLLECTED + r"(?P<local_time>[A-Z][a-z]{2} +\d+ \d\d:\d\d:\d\d) (?P<location>\S+)"
            r"(?: (?P<process>[^\s:\[]+)(?:\[(?P<pid>\d+)\])?:)?(?: (?P<message>.*))?",
            None,
        ),
    ),
    headed(
        "hpc",
        Layout(
            r"(?P<log_id>\d+) (?P<node>\S+) (?P<component>\S+) (?P<state>\S+) {time} (?P<flag>-?\d+)"
            r"(?: (?P<message>.*))?",
            None,
        ),
    ),
)
