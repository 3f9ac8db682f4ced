"""Remember what was taken, in 8 bytes each, so that what is read once more is not taken once more."""

import hashlib
from typing import Final

HASH_BYTES: Final = 8  # among a million remembered ones a new one is taken for an old one once in 10^13
MOST_HASHES: Final = 2_000_000  # of one connection: about 200 MB in memory


class Memory:
    """What was taken at the edge of a feed.

    Args:
        remembered: the hashes of earlier polls, one behind the other.
    """

    def __init__(self, remembered: bytes = b"") -> None:
        self._known = {remembered[at : at + HASH_BYTES] for at in range(0, len(remembered), HASH_BYTES)}
        self._new = bytearray()

    def take(self, identity: str) -> bool:
        """Whether this one is new; from now on it is not."""
        hashed = hashlib.sha256(identity.encode(errors="surrogatepass")).digest()[:HASH_BYTES]
        if hashed in self._known:
            return False
        self._known.add(hashed)
        self._new += hashed
        return True

    def new_hashes(self) -> bytes:
        """The hashes of what was taken since they were last asked for."""
        new, self._new = bytes(self._new), bytearray()
        return new
