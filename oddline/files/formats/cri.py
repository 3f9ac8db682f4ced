"""Logs of containers as kubelet's runtimes (containerd, CRI-O) write them."""

from typing import Final

from oddline.files.headers import Layout, headed
from oddline.files.levels import look_for_level
from oddline.files.model import Joins
from oddline.files.time_forms import ISO

FORMATS: Final = (
    headed(
        "cri",
        Layout(
            r"{time} (?P<stream>stdout|stderr) (?P<tag>[FP](?::\S+)?)(?: (?P<message>.*))?", ISO, refine=look_for_level
        ),
        joins=Joins.NOTHING,
    ),
)
