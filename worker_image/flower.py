"""Flower with all of it behind one password: by itself it shows its `/metrics` to anybody."""

import os
import sys
from typing import Any

from flower.views.monitor import Metrics
from tornado.web import authenticated

from oddline.errors import NotConfigured
from oddline.settings import load_settings
from worker_image.worker.app import app

USER = "oddline"
ADDRESS = "127.0.0.1"  # it is reached through a tunnel that ends in its own container
PORT = 5555


def serve(*, port: int = PORT) -> None:
    """Serve until a signal asks to stop.

    Raises:
        NotConfigured: there is no password.
    """
    password = load_settings().flower_password
    if not password:
        raise NotConfigured("ODDLINE_FLOWER_PASSWORD is not set")
    os.environ.pop("FLOWER_UNAUTHENTICATED_API", None)  # nobody opens by accident what the password guards
    metrics: Any = Metrics
    metrics.get = authenticated(metrics.get)
    app.start(["flower", f"--address={ADDRESS}", f"--port={port}", f"--basic_auth={USER}:{password}"])


if __name__ == "__main__":
    serve(port=int(sys.argv[1]) if sys.argv[1:] else PORT)
