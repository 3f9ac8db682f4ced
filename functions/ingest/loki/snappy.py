"""Unpack a block of snappy, which Loki's clients pack with.

By its format_description.txt, which is frozen. Wheels that do it hold compressors of all kinds, and would be a
sixteenth of the function's package; the tests hold this against one of them.
"""

from oddline.errors import BadRequest, TooLarge

_FRAMED = b"\xff\x06\x00\x00sNaPpY"
_LONGEST_SIZE = 5  # bytes of a number of 32 bits, seven bits in each
_LITERAL, _COPY_1, _COPY_2 = 0, 1, 2  # the low two bits of a tag; 3 is a copy with an offset of 4 bytes
_SHORT_LITERAL = 60  # bytes; the length of a longer one has bytes of its own


def unpack(packed: bytes, *, limit: int) -> bytes:
    """The bytes that a block holds; not one over the limit is ever unpacked.

    Raises:
        BadRequest: it is no whole block.
        TooLarge: it has, or says that it has, more bytes than the limit.
    """
    if packed.startswith(_FRAMED):
        raise BadRequest("the body is snappy's framed form; Loki's push is one block of snappy", field="body")
    size, at = _size(packed)
    if size > limit:
        raise TooLarge(f"a body has at most {limit} bytes unpacked", field="body", limit=limit, unit="bytes")
    unpacked = bytearray()
    while at < len(packed):
        tag = packed[at]
        kind, length = tag & 3, (tag >> 2) + 1
        if kind == _LITERAL:
            at += 1
            if length > _SHORT_LITERAL:
                end = at + length - _SHORT_LITERAL
                length, at = int.from_bytes(packed[at:end], "little") + 1, end
            unpacked += packed[at : at + length]
            at += length
        else:
            if kind == _COPY_1:
                length, offset, at = 4 + (tag >> 2 & 7), tag >> 5 << 8 | int.from_bytes(packed[at + 1 : at + 2]), at + 2
            else:
                end = at + (3 if kind == _COPY_2 else 5)
                offset, at = int.from_bytes(packed[at + 1 : end], "little"), end
            if not 0 < offset <= len(unpacked):
                raise _broken()
            piece = unpacked[-offset : length - offset if length < offset else None]
            # A copy may reach into what it writes itself: then it repeats.
            unpacked += piece if length <= offset else (piece * (length // offset + 1))[:length]
        if at > len(packed) or len(unpacked) > size:
            raise _broken()
    if len(unpacked) != size:
        raise _broken()
    return bytes(unpacked)


def _size(packed: bytes) -> tuple[int, int]:
    """What the block says that it has unpacked, and where its first element begins."""
    size = 0
    for at, byte in enumerate(packed[:_LONGEST_SIZE]):
        size |= (byte & 0x7F) << 7 * at
        if byte < 0x80:
            return size, at + 1
    raise _broken()


def _broken() -> BadRequest:
    return BadRequest("the body is no whole block of snappy", field="body")
