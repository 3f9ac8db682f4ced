"""Make a FastAPI application in the way that all functions share."""

from collections.abc import Callable

from fastapi import APIRouter, FastAPI

from functions.http.last_resort import LastResort
from functions.http.problems import answer_errors
from functions.http.traced import Traced
from functions.parts import Parts
from oddline.settings import load_settings
from oddline.tracing import open_tracer


def new_app(router: APIRouter, *, title: str, parts: Callable[[], Parts]) -> FastAPI:
    """An application with these routes, in which every error is a problem document.

    It serves no documentation of itself: `functions.asgi` serves that of all functions together. A path with another
    slash at its end is another path: a redirected POST would lose its body with many clients.
    """
    app = FastAPI(title=title, openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.parts = parts
    answer_errors(app)
    app.add_middleware(LastResort)
    tracer = open_tracer(title, settings=load_settings())
    if tracer:
        app.add_middleware(Traced, tracer)
    app.include_router(router)
    return app
