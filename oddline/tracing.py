"""Traces: the only module that knows X-Ray's SDK, so that another can take its place.

The SDK is imported when tracing is on and not before: it costs a cold start 300 ms.
"""

import os
from typing import Any

from oddline.settings import Settings

LAMBDA_HEADER = "_X_AMZN_TRACE_ID"  # in the environment of each invocation


class Tracer:
    """Sends one segment for each piece of work to the X-Ray daemon, by UDP and without waiting.

    Args:
        service: what the segments are called.
    """

    def __init__(self, service: str) -> None:
        from aws_xray_sdk.core.emitters.udp_emitter import UDPEmitter
        from aws_xray_sdk.core.models.facade_segment import FacadeSegment
        from aws_xray_sdk.core.models.segment import Segment
        from aws_xray_sdk.core.models.subsegment import Subsegment
        from aws_xray_sdk.core.models.trace_header import TraceHeader

        self._service = service
        self._emitter = UDPEmitter(os.environ.get("AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1:2000"))
        self._facade, self._segment, self._subsegment = FacadeSegment, Segment, Subsegment
        self._read_header = TraceHeader.from_header_str

    def begin(self, header: str) -> Any:
        """Begin a segment of the trace that `header` (X-Amzn-Trace-Id, may be empty) tells of, or of a new one.

        Inside Lambda the function's segment is Lambda's own; ours is a subsegment of it.
        """
        on_lambda = os.environ.get(LAMBDA_HEADER, "")
        told = self._read_header(on_lambda or header)
        if on_lambda:
            facade = self._facade(self._service, told.parent, told.root, told.sampled)
            segment = self._subsegment(self._service, "local", facade)
            segment.parent_id = told.parent
            return segment
        sampled = told.sampled not in {0, "0"}
        return self._segment(self._service, traceid=told.root, parent_id=told.parent, sampled=sampled)

    def end(self, segment: Any, *, method: str, path: str, status: int) -> None:
        """End a segment with what was asked and answered; errors, faults and throttles are marked by the status."""
        segment.put_http_meta("method", method)
        segment.put_http_meta("url", path)
        segment.put_http_meta("status", status)
        segment.close()
        if getattr(segment, "sampled", True):
            self._emitter.send_entity(segment)


def open_tracer(service: str, *, settings: Settings) -> Tracer | None:
    """A tracer where the settings ask for one."""
    return Tracer(service) if settings.tracing else None
