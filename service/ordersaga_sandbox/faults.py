"""Faults by route: which requests are struck is settled by each fault's own seed, in the order of the requests."""

import asyncio
import random
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from ordersaga_sandbox.http import BODILESS, JSON, Answer, Refused, error

Action = Literal["drop_before", "drop_after", "delay", "hang", "status", "broken_body"]

_EFFECT: dict[Action, bool] = {
    "drop_before": False,
    "drop_after": True,
    "delay": False,
    "hang": False,
    "status": False,
    "broken_body": True,
}
_CODES = {
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
    """Strikes requests that match method, route template ("*": any) and account.

    `effect`: whether the request takes effect before the fault does its work; absent: true for `drop_after` and
    `broken_body`, else false. `seconds` is real time, for `delay`. `status`, `headers` and `body` are the answer of
    `status`; body absent: the provider's own error for that status.
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
        if self.action in {"drop_before", "drop_after"} and self.effect not in {None, _EFFECT[self.action]}:
            raise ValueError(f"the action {self.action} settles the effect itself; leave `effect` out")
        if self.effect is None:
            self.effect = _EFFECT[self.action]


class Figures(Struct):
    matched: int = 0
    fired: int = 0


class Armed:
    """A fault at work."""

    def __init__(self, fault: Fault, fault_id: str) -> None:
        self.fault = structs.replace(fault, id=fault_id)
        self.id = fault_id
        self.figures = Figures()
        self.withdrawn = asyncio.Event()
        self._random = random.Random(fault.seed)  # noqa: S311 - repeatable on purpose

    @property
    def action(self) -> Action:
        return self.fault.action

    @property
    def after_effect(self) -> bool:
        return bool(self.fault.effect)

    def strikes(self, method: str, template: str, account: str) -> bool:
        """Draws once for each request that matches."""
        fault = self.fault
        if (
            fault.method not in {None, method}
            or fault.route not in {"*", template}
            or fault.account not in {None, account}
        ):
            return False
        self.figures.matched += 1
        drawn = self._random.random() < fault.probability
        if not drawn or (fault.times is not None and self.figures.fired >= fault.times):
            return False
        self.figures.fired += 1
        return True

    def answer(self, correlation_id: str) -> Answer:
        """What a `status` fault answers instead."""
        fault = self.fault
        headers = tuple(
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in fault.headers.items()
        )
        if fault.status in BODILESS or (fault.body is UNSET and fault.status < 400):
            return Answer(fault.status, headers)
        if fault.body is UNSET:
            code, *messages = _CODES.get(fault.status, ("ERROR",))
            standard = error(Refused(fault.status, code, *messages), correlation_id)
            return Answer(fault.status, standard.headers + headers, standard.body)
        body = fault.body.encode() if isinstance(fault.body, str) else msgspec.json.encode(fault.body)
        return Answer(
            fault.status, headers if any(name == b"content-type" for name, _ in headers) else (JSON, *headers), body
        )

    def shown(self) -> dict[str, Any]:
        return {**msgspec.to_builtins(self.fault), **msgspec.to_builtins(self.figures)}


def broken(answer: Answer) -> Answer:
    """The same status with a body cut in its middle and without the headers that name what was made: it tells nothing."""
    if answer.status in BODILESS:
        return answer
    headers = tuple(header for header in answer.headers if header[0] not in _ID_HEADERS and header[0] != JSON[0])
    return Answer(answer.status, (JSON, *headers), answer.body[: len(answer.body) // 2] or b'{"correlation_id": "')


class Faults:
    def __init__(self) -> None:
        self._armed: dict[str, Armed] = {}
        self._made = 0

    def add(self, fault: Fault) -> str:
        """A fault under an id that is there already is replaced."""
        self._made += 1
        fault_id = fault.id or f"fault-{self._made}"
        self.remove(fault_id)
        self._armed[fault_id] = Armed(fault, fault_id)
        return fault_id

    def remove(self, fault_id: str) -> bool:
        """Requests which it holds are dropped."""
        armed = self._armed.pop(fault_id, None)
        if armed is not None:
            armed.withdrawn.set()
        return armed is not None

    def clear(self) -> None:
        for fault_id in list(self._armed):
            self.remove(fault_id)

    def shown(self) -> Sequence[dict[str, Any]]:
        return [armed.shown() for armed in self._armed.values()]

    def pick(self, method: str, template: str, account: str) -> Armed | None:
        """The first one that strikes."""
        for armed in self._armed.values():
            if armed.strikes(method, template, account):
                return armed
        return None
