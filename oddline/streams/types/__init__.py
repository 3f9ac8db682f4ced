"""The types of connections: each is one module with a `TYPE`, found here by its name."""

from collections.abc import Mapping
from typing import Final

from oddline.errors import InvalidParameter
from oddline.streams.reading import ConnectionType
from oddline.streams.types import azure, cloudwatch, google, http, redis, s3

TYPES: Final[Mapping[str, ConnectionType]] = {
    module.TYPE.name: module.TYPE for module in (cloudwatch, s3, http, redis, google, azure)
}


def type_of(name: str) -> ConnectionType:
    """The type of this name.

    Raises:
        InvalidParameter: there is none.
    """
    if name not in TYPES:
        raise InvalidParameter(f"there is no type {name!r} of connections: {', '.join(sorted(TYPES))}", field="type")
    return TYPES[name]
