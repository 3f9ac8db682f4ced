"""OTLP/HTTP: what an OpenTelemetry Collector or SDK exports, in protobuf and in JSON."""

from functions.ingest.otlp.answers import failure, success
from functions.ingest.otlp.request import Form, decode, form_of, unpack

__all__ = ["Form", "decode", "failure", "form_of", "success", "unpack"]
