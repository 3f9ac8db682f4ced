"""Events as API Gateway sends them to Lambda."""

import base64
from collections.abc import Mapping
from typing import Any


def http_event(
    path: str,
    *,
    method: str = "GET",
    query: str = "",
    headers: Mapping[str, str],
    body: bytes | None = None,
    packed: bool = False,
) -> dict[str, Any]:
    """A request (developer guide, "Lambda proxy integrations for HTTP APIs", payload format 2.0).

    Args:
        packed: whether the body is gzip, which comes as base64.
    """
    content = {} if body is None else {"content-length": str(len(body)), "content-type": "application/json"}
    if packed:
        content["content-encoding"] = "gzip"
    carried = {} if body is None else {"body": base64.b64encode(body).decode() if packed else body.decode()}
    return {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {
            "accept": "*/*",
            "host": "abcdef1234.execute-api.eu-central-1.amazonaws.com",
            "user-agent": "curl/8.5.0",
            "x-amzn-trace-id": "Root=1-6730f0a1-5d1e6f0a7b8c9d0e1f2a3b4c",
            "x-forwarded-for": "198.51.100.7",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
            **content,
            **{name.lower(): value for name, value in headers.items()},
        },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abcdef1234",
            "domainName": "abcdef1234.execute-api.eu-central-1.amazonaws.com",
            "domainPrefix": "abcdef1234",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "198.51.100.7",
                "userAgent": "curl/8.5.0",
            },
            "requestId": "BExampleRequestId=",
            "routeKey": f"{method} {path}",
            "stage": "$default",
            "time": "05/Nov/2026:12:00:00 +0000",
            "timeEpoch": 1793880000000,
        },
        "isBase64Encoded": packed,
        **carried,
    }
