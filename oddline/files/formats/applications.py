"""Applications with a layout of their own: Huawei's Health, Proxifier, Windows' component servicing."""

from typing import Final

from oddline.files.headers import Layout, headed
from oddline.files.time_forms import ISO, MONTH_DOT_DAY, UNPADDED

FORMATS: Final = (
    headed("healthapp", Layout(r"{time}\|(?P<component>[^|]*)\|(?P<pid>\d+)\|(?P<message>.*)", UNPADDED)),
    headed("proxifier", Layout(r"\[{time}\] (?P<program>.+?) - (?P<message>.*)", MONTH_DOT_DAY)),
    headed(
        "windows_cbs",
        Layout(r"{time}, (?P<level>[A-Z][a-z]+) {2,}(?:(?P<component>[A-Z]{2,8}) +)?(?P<message>.*)", ISO),
    ),
)
