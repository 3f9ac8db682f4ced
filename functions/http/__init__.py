"""What all functions that speak HTTP share: the parts they stand on, authentication, bodies, problem documents."""

from functions.http.application import new_app
from functions.http.authentication import Authenticated, authenticate_key, is_operator, presented_key
from functions.http.bodies import json_answer, raw_body
from functions.http.limiting import guarded, limit
from functions.http.parts import parts_of
from functions.http.problems import error_headers
from functions.http.routers import new_router, side_by_side
from functions.parts import Opener, Parts, open_parts

__all__ = [
    "Authenticated",
    "Opener",
    "Parts",
    "authenticate_key",
    "error_headers",
    "guarded",
    "is_operator",
    "json_answer",
    "limit",
    "new_app",
    "new_router",
    "open_parts",
    "parts_of",
    "presented_key",
    "raw_body",
    "side_by_side",
]
