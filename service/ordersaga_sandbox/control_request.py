"""Requests to the control plane, and what its handlers share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta, Struct

from ordersaga_sandbox.courier import Courier
from ordersaga_sandbox.http import Response, json_response
from ordersaga_sandbox.state import SandboxState

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ControlRequest:
    """A request to the control plane. `base_url`: by which the client reached us."""

    state: SandboxState
    reset: Callable[[], None]
    params: Mapping[str, str]
    query: bytes
    body: bytes
    base_url: str
    courier: Courier


class Page(Struct):
    after: Annotated[int, Meta(ge=0)] = 0
    limit: Annotated[int, Meta(ge=1, le=100_000)] = 1_000


def problem(status: int, message: str) -> Response:
    return json_response({"error": message}, status)


def decode(request: ControlRequest, type_: type[T]) -> T:
    return msgspec.json.decode(request.body or b"{}", type=type_)


def page(request: ControlRequest) -> Page:
    return msgspec.convert(dict(parse_qsl(request.query.decode("latin-1"))), Page, strict=False)
