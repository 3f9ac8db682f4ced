"""Privacy: the values of a person are erased wherever they stand, with a proof."""

from typing import TYPE_CHECKING

from oddline.lazy import face

if TYPE_CHECKING:
    from oddline.privacy.erasing import IN_FLIGHT, erase_person, mark_failed
    from oddline.privacy.model import Erasure
    from oddline.privacy.requests import (
        LONGEST_REASON,
        MOST_VALUES,
        SETTLED,
        erase_again,
        find_erasure,
        list_erasures,
        renew_erasures,
        request_erasure,
    )
    from oddline.privacy.restored import erased_again
    from oddline.privacy.tasks import ERASE_PERSON, TASKS

__all__ = [
    "ERASE_PERSON",
    "IN_FLIGHT",
    "LONGEST_REASON",
    "MOST_VALUES",
    "SETTLED",
    "TASKS",
    "Erasure",
    "erase_again",
    "erase_person",
    "erased_again",
    "find_erasure",
    "list_erasures",
    "mark_failed",
    "renew_erasures",
    "request_erasure",
]

__getattr__ = face(
    __name__,
    {
        "erasing": ["IN_FLIGHT", "erase_person", "mark_failed"],
        "model": ["Erasure"],
        "requests": [
            "LONGEST_REASON",
            "MOST_VALUES",
            "SETTLED",
            "erase_again",
            "find_erasure",
            "list_erasures",
            "renew_erasures",
            "request_erasure",
        ],
        "restored": ["erased_again"],
        "tasks": ["ERASE_PERSON", "TASKS"],
    },
)
