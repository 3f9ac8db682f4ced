"""The registry of formats: each module beside this one offers `FORMATS`, and stands in the list once."""

from importlib import import_module
from typing import Final

from oddline.files.model import Format

# Of those that explain a sample equally well the first is taken.
_MODULES: Final = (
    "journal",
    "declared",
    "amazon",
    "audit",
    "dotnet",
    "json_values",
    "json_lines",
    "syslog",
    "web_access",
    "apache_error",
    "nginx_error",
    "postgres",
    "supercomputer",
    "openstack",
    "log4j",
    "logcat",
    "klog",
    "cri",
    "applications",
    "cloudwatch",
    "logfmt",
    "separated",
    "text",
)
FORMATS: Final[dict[str, Format]] = {
    found.name: found
    for module in _MODULES
    for found in import_module(f"{__name__}.{module}").FORMATS
}  # fmt: skip
TEXT: Final = FORMATS["text"]
"""What takes any lines."""
