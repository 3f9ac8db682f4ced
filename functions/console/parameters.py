"""What the console's bodies share, checked where it comes in."""

from typing import Annotated

from pydantic import AfterValidator

from oddline.notifications import is_address


def _address(text: str) -> str:
    if not is_address(text):
        raise ValueError("this is no mail address")
    return text


Address = Annotated[str, AfterValidator(_address)]
