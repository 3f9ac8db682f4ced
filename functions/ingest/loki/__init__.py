"""Loki's push protocol: what Grafana Alloy, Promtail and many others send, in protobuf and in JSON."""

from functions.ingest.loki.answers import failure, success
from functions.ingest.loki.request import decode, is_json, unpack

__all__ = ["decode", "failure", "is_json", "success", "unpack"]
