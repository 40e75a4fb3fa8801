"""Injected faults. A fault's seed and the order of matching requests determine the requests for which it fires."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from ordersaga_sandbox.http import BODYLESS_STATUSES, JSON_CONTENT_TYPE, ApiError, Response

Action = Literal["drop_before", "drop_after", "delay", "hang", "status", "broken_body"]

_TAKES_EFFECT: dict[Action, bool] = {
    "drop_before": False,
    "drop_after": True,
    "delay": False,
    "hang": False,
    "status": False,
    "broken_body": True,
}
_ERRORS = {
    400: ("BAD_REQUEST", "Bad request"),
    401: ("UNAUTHORIZED", "Unauthorized"),
    404: ("NOT_FOUND", "Not found"),
    429: ("TOO_MANY_REQUESTS", "Too many requests"),
    500: ("INTERNAL_SERVER_ERROR", "Unexpected server error"),
    502: ("TEMPORARILY_UNAVAILABLE", "Temporarily unavailable"),
    503: ("TEMPORARILY_UNAVAILABLE", "Temporarily unavailable"),
    504: ("TEMPORARILY_UNAVAILABLE", "Temporarily unavailable"),
}
_ID_HEADERS = frozenset({b"location", b"capture-id", b"refund-id"})


class Fault(Struct, kw_only=True, forbid_unknown_fields=True):
    """Fires for requests that match method, route template ("*": any) and account.

    `effect`: whether the request takes effect before the fault; default: true for `drop_after` and `broken_body`, else
    false. `seconds` is real time, for `delay`. `status`, `headers` and `body` are the response of `status`; without
    `body` it is the provider's standard error for that status.
    """

    action: Action
    id: str | None = None
    method: str | None = None
    route: str = "*"
    account: str | None = None
    seconds: Annotated[float, Meta(ge=0)] = 0
    status: Annotated[int, Meta(ge=200, le=599)] = 500
    headers: dict[str, str] = {}
    body: Any | UnsetType = UNSET
    effect: bool | None = None
    probability: Annotated[float, Meta(ge=0, le=1)] = 1
    times: Annotated[int, Meta(ge=0)] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.action in {"drop_before", "drop_after"} and self.effect not in {None, _TAKES_EFFECT[self.action]}:
            raise ValueError(f"the action {self.action} determines the effect itself; leave `effect` out")
        if self.effect is None:
            self.effect = _TAKES_EFFECT[self.action]


class FaultStats(Struct):
    matched: int = 0
    fired: int = 0


class ActiveFault:
    """A fault with its statistics and its random state."""

    def __init__(self, fault: Fault, fault_id: str) -> None:
        self.fault = structs.replace(fault, id=fault_id)
        self.id = fault_id
        self.stats = FaultStats()
        self.removed = asyncio.Event()
        self._random = random.Random(fault.seed)  # noqa: S311 - repeatable by design

    @property
    def action(self) -> Action:
        return self.fault.action

    @property
    def takes_effect(self) -> bool:
        return bool(self.fault.effect)

    def fires(self, method: str, template: str, account: str) -> bool:
        """Draws a random number for each request that matches."""
        fault = self.fault
        if (
            fault.method not in {None, method}
            or fault.route not in {"*", template}
            or fault.account not in {None, account}
        ):
            return False
        self.stats.matched += 1
        hit = self._random.random() < fault.probability
        if not hit or (fault.times is not None and self.stats.fired >= fault.times):
            return False
        self.stats.fired += 1
        return True

    def response(self, error_response: Callable[[ApiError], Response]) -> Response:
        """The response of a `status` fault. `error_response`: the provider's form of an error."""
        fault = self.fault
        headers = tuple(
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in fault.headers.items()
        )
        if fault.status in BODYLESS_STATUSES or (fault.body is UNSET and fault.status < 400):
            return Response(fault.status, headers)
        if fault.body is UNSET:
            code, *messages = _ERRORS.get(fault.status, ("ERROR",))
            standard = error_response(ApiError(fault.status, code, *messages))
            return Response(fault.status, standard.headers + headers, standard.body)
        body = fault.body.encode() if isinstance(fault.body, str) else msgspec.json.encode(fault.body)
        return Response(
            fault.status,
            headers if any(name == b"content-type" for name, _ in headers) else (JSON_CONTENT_TYPE, *headers),
            body,
        )

    def view(self) -> dict[str, Any]:
        return {**msgspec.to_builtins(self.fault), **msgspec.to_builtins(self.stats)}


def with_broken_body(response: Response) -> Response:
    """The same status with half of the body, and without the headers that name what was created."""
    if response.status in BODYLESS_STATUSES:
        return response
    headers = tuple(header for header in response.headers if header[0] not in _ID_HEADERS)
    if not any(name == JSON_CONTENT_TYPE[0] for name, _ in headers):
        headers = (JSON_CONTENT_TYPE, *headers)
    return Response(
        response.status,
        headers,
        response.body[: len(response.body) // 2] or b'{"correlation_id": "',
    )


class Faults:
    def __init__(self) -> None:
        self._active: dict[str, ActiveFault] = {}
        self._added = 0

    def add(self, fault: Fault) -> str:
        """Replaces a fault with the same id."""
        self._added += 1
        fault_id = fault.id or f"fault-{self._added}"
        self.remove(fault_id)
        self._active[fault_id] = ActiveFault(fault, fault_id)
        return fault_id

    def remove(self, fault_id: str) -> bool:
        """Whether it existed. Requests that it holds are dropped."""
        active = self._active.pop(fault_id, None)
        if active is not None:
            active.removed.set()
        return active is not None

    def clear(self) -> None:
        for fault_id in list(self._active):
            self.remove(fault_id)

    def view(self) -> Sequence[dict[str, Any]]:
        return [active.view() for active in self._active.values()]

    def pick(self, method: str, template: str, account: str) -> ActiveFault | None:
        """The first one that fires."""
        for active in self._active.values():
            if active.fires(method, template, account):
                return active
        return None
