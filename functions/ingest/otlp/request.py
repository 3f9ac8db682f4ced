"""An OTLP request in either form, as its Content-Type says."""

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any

from functions.ingest.otlp import from_json
from functions.ingest.shipping import Shipment
from oddline.errors import TooLarge, UnsupportedEncoding
from oddline.submissions import LIMITS, Limits, unpack_body

MOST_GROUPS = 20_000  # of resources and scopes


class Form(StrEnum):
    """The protocol's media types."""

    PROTOBUF = "application/x-protobuf"
    JSON = "application/json"


def form_of(content_type: str) -> Form:
    """In which form the request is, and its answer must be.

    Raises:
        UnsupportedEncoding: in neither.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in list(Form):
        raise UnsupportedEncoding("OTLP is taken as application/x-protobuf and application/json", field="Content-Type")
    return Form(media_type)


def unpack(body: bytes, *, content_encoding: str, limits: Limits = LIMITS) -> bytes:
    """The request without its encoding; an empty one is one in protobuf.

    Raises:
        BadRequest, TooLarge, UnsupportedEncoding: as `unpack_body`.
    """
    return unpack_body(body, content_encoding=content_encoding, limits=limits) if body else body


def decode(body: bytes, *, form: Form) -> Shipment:
    """The entries of a request.

    Raises:
        BadRequest: it is no such request, or nested too deeply.
        TooLarge: it holds too many entries, groups or values, or too many bytes with what its entries share.
    """
    shipment, groups = Shipment(), 0
    for found in _reader(form)(body):
        if found is None:
            groups += 1
            if groups > MOST_GROUPS:
                detail = f"a request has at most {MOST_GROUPS} resources and scopes"
                raise TooLarge(detail, field="body", limit=MOST_GROUPS, unit="groups")
            continue
        shipment.add(found)
    return shipment


def _reader(form: Form) -> Callable[[bytes], Iterator[Any]]:
    if form is Form.JSON:
        return from_json.read_entries
    from functions.ingest.otlp import from_protobuf  # protobuf costs a cold start what most have no need of

    return from_protobuf.read_entries
