"""A real OpenID Connect provider, at which people of the tests sign in by the authorization code flow."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

CLIENT = "oddline"
BACK_TO = "http://localhost/signed-in"


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider that runs."""

    port: int

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def sign_in(self, subject: str, *, client: str = CLIENT, at: str = "localhost", **claims: Any) -> str:
        """The id token that a person gets who has these claims."""
        base = f"http://{at}:{self.port}"
        with httpx.Client(base_url=base) as browser:
            browser.put(f"/users/{subject}", json=claims).raise_for_status()
            asked = {"client_id": client, "redirect_uri": BACK_TO, "response_type": "code", "scope": "openid email"}
            sent_back = browser.post("/oauth2/authorize", params=asked, data={"sub": subject})
            [code] = parse_qs(urlsplit(sent_back.headers["Location"]).query)["code"]
            form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK_TO}
            answer = browser.post("/oauth2/token", data=form, auth=(client, "secret"))
            token: str = answer.raise_for_status().json()["id_token"]
        return token


@contextmanager
def running_provider(*, port: int = 0, token_life: timedelta = timedelta(hours=1)) -> Iterator[Provider]:
    """A provider with a new key of its own, for as long as the block lasts."""
    with warnings.catch_warnings(record=True):  # its own dependency tells everybody that it is deprecated
        from oidc_provider_mock import run_server_in_thread

    with run_server_in_thread(port=port, access_token_max_age=token_life) as server:
        yield Provider(server.server_port)
