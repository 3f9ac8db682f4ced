"""A push request of Loki in either form: JSON where its Content-Type says so, else protobuf, as Loki reads it."""

from typing import Any

from functions.ingest.loki import from_json, snappy
from functions.ingest.shipping import Shipment
from oddline.errors import TooLarge
from oddline.submissions import LIMITS, BadLine, Limits, unpack_body

MOST_STREAMS = 20_000


def is_json(content_type: str) -> bool:
    """Whether the request is in JSON."""
    return content_type.partition(";")[0].strip().lower() == "application/json"


def unpack(body: bytes, *, content_type: str, content_encoding: str, limits: Limits = LIMITS) -> bytes:
    """The request without its encodings; that in protobuf is a block of snappy, whether it says so or not.

    Raises:
        BadRequest, TooLarge, UnsupportedEncoding: as `unpack_body`; or it is no block of snappy.
    """
    is_snappy = content_encoding.strip().lower() == "snappy"
    plain = unpack_body(body, content_encoding="" if is_snappy else content_encoding, limits=limits)
    return plain if is_json(content_type) and not is_snappy else snappy.unpack(plain, limit=limits.unpacked_bytes)


def decode(body: bytes, *, content_type: str) -> Shipment:
    """The entries of a request; blank lines are none.

    Raises:
        BadRequest: it is no such request.
        TooLarge: it holds too many entries, streams or values, or too many bytes with what its entries share.
    """
    reader = from_json if is_json(content_type) else _from_protobuf()
    shipment, streams = Shipment(), 0
    for read in reader.read_entries(body):
        if read is None:
            streams += 1
            if streams > MOST_STREAMS:
                detail = f"a request has at most {MOST_STREAMS} streams"
                raise TooLarge(detail, field="streams", limit=MOST_STREAMS, unit="streams")
        elif isinstance(read.entry, BadLine) or read.entry["message"].strip():
            shipment.add(read)
    return shipment


def _from_protobuf() -> Any:
    from functions.ingest.loki import from_protobuf  # protobuf costs a cold start what most have no need of

    return from_protobuf
