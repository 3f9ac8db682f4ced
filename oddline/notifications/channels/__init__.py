"""Every way to reach people. A channel is a module (or package) here with `deliver`, and a line in this registry."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from oddline.notifications.channels import email
from oddline.notifications.model import Message, Receipt
from oddline.settings import Settings


class Channel(Protocol):
    """What a channel's module offers."""

    def deliver(self, message: Message, *, settings: Settings, now: datetime) -> Receipt:
        """Hand `message` over, once; trying again is the task's.

        Raises:
            DeliveryFailed: nobody has it, and another try may help.
            DeliveryRefused: nobody has it, and no try will help.
            NotConfigured: a setting that the channel needs is missing or wrong.
        """


CHANNELS: Mapping[str, Channel] = {"email": email}
