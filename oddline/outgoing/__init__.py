"""The one way in which Oddline calls addresses that people gave it, so that none of them leads inside."""

from oddline.outgoing.addresses import Allowed, is_public
from oddline.outgoing.client import Answer, Outgoing, open_outgoing

__all__ = ["Allowed", "Answer", "Outgoing", "is_public", "open_outgoing"]
