"""Where the API is and who calls it: from arguments, else from the environment."""

import os
import ssl

from oddline.client.wire import Wire

TIMEOUT_S = 30.0
URL, KEY = "ODDLINE_URL", "ODDLINE_API_KEY"


def wire_to(
    url: str | None, api_key: str | None, *, timeout_s: float = TIMEOUT_S, tls: ssl.SSLContext | None = None
) -> Wire:
    """A wire to the API at `url` that bears `api_key`.

    Raises:
        ValueError: one of them is given neither as argument nor in the environment, or is none.
    """
    url, api_key = url or os.environ.get(URL), api_key or os.environ.get(KEY)
    if not url or not api_key:
        raise ValueError(f"say where the API is and with which key: url and api_key, or {URL} and {KEY}")
    if not (api_key.isascii() and api_key.isprintable()):
        raise ValueError("the API key holds characters that no key has")
    return Wire(url, headers={"X-API-Key": api_key, "User-Agent": "oddline-client"}, timeout_s=timeout_s, tls=tls)
