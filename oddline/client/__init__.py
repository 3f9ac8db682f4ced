"""Send logs to Oddline and ask it things from Python, with nothing but the standard library.

It stands on nothing else of Oddline, so that it can be taken into any program.
"""

from oddline.client.answers import Page, Receipt, Refusal, Sent, Task
from oddline.client.asynchronous import AsyncClient
from oddline.client.calls import Answer, Call, Fault, Patience
from oddline.client.client import Client
from oddline.client.errors import ClientError, NotReady, Refused, TaskFailed, Unavailable
from oddline.client.handler import OddlineHandler

__all__ = [
    "Answer",
    "AsyncClient",
    "Call",
    "Client",
    "ClientError",
    "Fault",
    "NotReady",
    "OddlineHandler",
    "Page",
    "Patience",
    "Receipt",
    "Refusal",
    "Refused",
    "Sent",
    "Task",
    "TaskFailed",
    "Unavailable",
]
