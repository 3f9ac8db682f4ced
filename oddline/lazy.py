"""Let a package's face name what it offers without loading it.

Functions import catalogue entries of contexts whose engines (numpy, ONNX Runtime, polars) they must never load.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def face(package: str, homes: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """A module-level `__getattr__` (PEP 562) for `package`.

    Args:
        package: the package's `__name__`.
        homes: for each submodule the names that it offers.
    """
    module_of = {name: module for module, names in homes.items() for name in names}

    def load(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{module_of[name]}"), name)

    return load
