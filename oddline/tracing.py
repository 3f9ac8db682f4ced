"""Traces: the only module that knows X-Ray's SDK, so that another can take its place.

An entry point that has a tracer does its work in a segment of it; what is called from there marks its steps by `span`,
without knowing of whom it is a part. Where nobody traces, `span`, `note`, `mark` and `passed_on` do nothing and make
nothing, and the SDK is never imported: it costs a cold start 300 ms.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from oddline.settings import Settings

LAMBDA_HEADER: Final = "_X_AMZN_TRACE_ID"  # in the environment of each invocation
HEADER: Final = "X-Amzn-Trace-Id"
W3C_HEADER: Final = "traceparent"

Carrier = Callable[[str], str | None]
"""Gives what a request or message bears under a header's name."""

_ROOT: Final = re.compile(r"1-[0-9a-f]{8}-[0-9a-f]{24}")
_PARENT: Final = re.compile(r"[0-9a-f]{16}")
_W3C: Final = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{8})([0-9a-f]{24})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_NO_SPAN: Final = nullcontext()
_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Told:
    """What a header says of the trace that it comes from; `sampled` is None where it leaves that to us."""

    root: str | None = None
    parent: str | None = None
    sampled: bool | None = None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in a trace this thread is; `entity` is None in one that is not sampled."""

    tracer: "Tracer"
    segment: Any = None
    entity: Any = None

    def headers(self) -> dict[str, str]:
        """The two headers by which another goes on from here."""
        if self.entity is None:
            return {HEADER: "Sampled=0"}
        root, parent = self.entity.trace_id, self.entity.id
        _, seconds, rest = root.split("-")
        return {HEADER: f"Root={root};Parent={parent};Sampled=1", W3C_HEADER: f"00-{seconds}{rest}-{parent}-01"}


_here: ContextVar[_Place | None] = ContextVar("here", default=None)


def span(name: str) -> AbstractContextManager[None]:
    """A block of work as a part of what is traced here; what it raises marks it."""
    here = _here.get()
    return _NO_SPAN if here is None or here.entity is None else here.tracer.part(name, here)


def note(name: str, value: str | int | float | bool) -> None:
    """Annotate what is traced here. Names and counts only: nothing that a line says, nor whose it is."""
    here = _here.get()
    if here is not None and here.entity is not None:
        here.entity.put_annotation(name, value)


def mark(error: BaseException) -> None:
    """Mark what is traced here as failed: error, throttle or fault, by what HTTP would answer to it."""
    here = _here.get()
    if here is not None and here.entity is not None:
        here.entity.apply_status_code(getattr(error, "status", 500))
        # Its kind alone: messages of errors quote what they were given.
        here.entity.put_annotation("error", type(error).__name__)


def passed_on() -> Mapping[str, str]:
    """The headers with which a message or request goes on with the trace."""
    here = _here.get()
    return _NO_HEADERS if here is None else here.headers()


class Tracer:
    """Sends segments, and their parts as soon as each is done, to the X-Ray daemon: by UDP and without waiting.

    Args:
        service: what the segments are called.
        decide: whether to trace what nobody has decided on.
    """

    def __init__(self, service: str, *, decide: Callable[[], bool] = lambda: True) -> None:
        from aws_xray_sdk.core.emitters.udp_emitter import UDPEmitter
        from aws_xray_sdk.core.models.facade_segment import FacadeSegment
        from aws_xray_sdk.core.models.segment import Segment
        from aws_xray_sdk.core.models.subsegment import Subsegment
        from aws_xray_sdk.core.models.trace_header import TraceHeader

        self._service = service
        self._decide = decide
        self._emitter = UDPEmitter()
        self._facade, self._segment, self._subsegment = FacadeSegment, Segment, Subsegment
        self._read_header = TraceHeader.from_header_str

    @contextmanager
    def work(self, carrier: Carrier) -> Iterator["Work"]:
        """A block of work as a segment of the trace that the carrier tells of, or of a new one.

        Inside Lambda the function's segment is Lambda's own; ours is a subsegment of it, and the caller's trace, where
        that is another, is named in its metadata.
        """
        place = self._begin(carrier)
        with self._at(place):
            yield Work(place)

    @contextmanager
    def part(self, name: str, here: _Place) -> Iterator[None]:
        """A block of work inside another, sent by itself: as one document a claim could outgrow a datagram."""
        entity = self._subsegment(name, "local", here.segment)
        entity.parent_id = here.entity.id
        with self._at(replace(here, entity=entity)):
            yield

    @contextmanager
    def _at(self, place: _Place) -> Iterator[None]:
        token = _here.set(place)
        try:
            yield
        except BaseException as error:
            mark(error)
            raise
        finally:
            _here.reset(token)
            if place.entity is not None:
                place.entity.close()
                self._emitter.send_entity(place.entity)

    def _begin(self, carrier: Carrier) -> _Place:
        told = self._told(carrier)
        on_lambda = self._parse(os.environ.get(LAMBDA_HEADER, ""))
        if on_lambda.root:
            if not on_lambda.sampled:
                return _Place(self)
            facade = self._facade(self._service, on_lambda.parent, on_lambda.root, on_lambda.sampled)
            entity = self._subsegment(self._service, "local", facade)
            entity.parent_id = on_lambda.parent
            if told.parent and told.root != on_lambda.root:
                entity.put_metadata("caller", {"trace_id": told.root, "parent_id": told.parent})
            return _Place(self, facade, entity)
        if not (self._decide() if told.sampled is None else told.sampled):
            return _Place(self)
        segment = self._segment(self._service, traceid=told.root, parent_id=told.parent)
        return _Place(self, segment, segment)

    def _told(self, carrier: Carrier) -> _Told:
        """Of both headers the one that names a parent: balancers write a root of their own into X-Ray's."""
        ours = self._parse(carrier(HEADER) or "")
        theirs = _W3C.fullmatch(carrier(W3C_HEADER) or "")
        if theirs is None or ours.parent:
            return ours
        seconds, rest, parent, flags = theirs.groups()
        return _Told(f"1-{seconds}-{rest}", parent, bool(int(flags, 16) & 1))

    def _parse(self, header: str) -> _Told:
        """What X-Ray's header says; from outside it can be anything."""
        read = self._read_header(header)
        if not _ROOT.fullmatch(read.root or ""):
            return _Told(sampled=False if read.sampled == 0 else None)
        parent = read.parent if _PARENT.fullmatch(read.parent or "") else None
        return _Told(read.root, parent, {0: False, 1: True}.get(read.sampled))


@dataclass(frozen=True, slots=True)
class Work:
    """A piece of work that is traced."""

    _place: _Place

    @property
    def header(self) -> str:
        """What its caller is told in X-Amzn-Trace-Id; empty where it is not traced."""
        entity = self._place.entity
        return "" if entity is None else f"Root={entity.trace_id};Sampled=1"

    def answered(self, *, method: str, path: str, status: int) -> None:
        """Tell what was asked and answered; errors, faults and throttles are marked by the status."""
        entity = self._place.entity
        if entity is not None:
            for name, value in {"method": method, "url": path, "status": status}.items():
                entity.put_http_meta(name, value)


def open_tracer(service: str, *, settings: Settings) -> Tracer | None:
    """A tracer where the settings ask for one; it traces what nobody has decided on."""
    return Tracer(service) if settings.tracing else None


def open_sampling_tracer(service: str, *, settings: Settings) -> Tracer | None:
    """A tracer where the settings ask for one; what nobody has decided on it leaves to X-Ray's sampling rules.

    It asks the daemon for them from threads of its own: not to be made before a fork.
    """
    if not settings.tracing:
        return None
    from aws_xray_sdk.core.context import Context
    from aws_xray_sdk.core.daemon_config import DaemonConfig
    from aws_xray_sdk.core.sampling.sampler import DefaultSampler

    sampler = DefaultSampler()
    sampler.load_settings(DaemonConfig(), Context())
    return Tracer(service, decide=lambda: bool(sampler.should_trace({"service": service})))


def work_of(tracer: Tracer | None, carrier: Carrier) -> AbstractContextManager[Any]:
    """A block of work, traced where there is a tracer."""
    return _NO_SPAN if tracer is None else tracer.work(carrier)
