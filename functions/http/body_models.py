"""Read a small JSON body as a model: what does not fit is told by the name of its field."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, ValidationError

from functions.http.bodies import raw_body
from oddline.errors import InvalidParameter

M = TypeVar("M", bound="Body")


class Body(BaseModel):
    """A body; fields that it does not know are faults, and so is `false` where a number belongs."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def body_of(model: type[M], *, may_lack: bool = False) -> Callable[[bytes], M]:
    """A dependency: the request's body as `model`.

    Args:
        may_lack: an empty body stands for an object without fields.

    Raises (as a dependency):
        InvalidParameter: it is no JSON, or does not fit the model; `field` is the first that does not.
        TooLarge: it is over the limit of any body.
    """

    def read(raw: Annotated[bytes, Depends(raw_body)]) -> M:
        try:
            return model.model_validate_json(raw or (b"{}" if may_lack else b""))
        except ValidationError as error:
            faults = [_told(fault) for fault in error.errors(include_url=False, include_input=False)]
            first = faults[0]
            raise InvalidParameter(
                f"{first['field']}: {first['detail']}", field=first["field"], errors=faults
            ) from None

    return read


def documented(model: type[Body], *, may_lack: bool = False) -> dict[str, Any]:
    """What OpenAPI says of a body that is read so."""
    schema = model.model_json_schema()
    whole = _inlined(schema, schema.pop("$defs", {}))
    return {"requestBody": {"required": not may_lack, "content": {"application/json": {"schema": whole}}}}


def _inlined(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """The schema with its definitions where it refers to them: in an OpenAPI document they would not be found."""
    if isinstance(schema, list):
        return [_inlined(one, definitions) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inlined = {name: _inlined(value, definitions) for name, value in schema.items() if name != "$ref"}
    if "$ref" not in schema:
        return inlined
    return _inlined(definitions[schema["$ref"].removeprefix("#/$defs/")], definitions) | inlined


def _told(fault: Any) -> dict[str, str]:
    field = ".".join(map(str, fault["loc"])) or "body"
    return {"field": field, "code": fault["type"], "detail": fault["msg"]}
