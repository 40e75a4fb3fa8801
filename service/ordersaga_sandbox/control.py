"""The control plane under `/_sandbox/`: clock, tokens, decisions, another hand in the portal, switches, faults, log, ledger.

JSON in and out, no authentication. Errors are `{"error": …}`: 400 says what was wrong, 404 that there is no such thing,
409 carries the provider's own refusal.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta, Struct

from ordersaga_sandbox.clock import iso
from ordersaga_sandbox.faults import Fault
from ordersaga_sandbox.http import NO_CONTENT, Answer, Refused, json
from ordersaga_sandbox.klarna import authorizing, capturing, expiry, refunding, tokens
from ordersaga_sandbox.klarna.hand import Hand
from ordersaga_sandbox.klarna.order import OPEN, Order
from ordersaga_sandbox.klarna.schema import AuthorizationBody, CaptureBody, RefundBody
from ordersaga_sandbox.klarna.session import Outcome, Token
from ordersaga_sandbox.klarna.views import control_view
from ordersaga_sandbox.routes import Route, Router
from ordersaga_sandbox.switches import Decision, Switches
from ordersaga_sandbox.world import World

T = TypeVar("T")
_LATEST: Final = datetime(9000, 1, 1, tzinfo=UTC).timestamp()  # leaves room for what ends later


@dataclass(frozen=True, slots=True)
class Steer:
    """One request of the control plane."""

    world: World
    reset: Callable[[], None]
    params: Mapping[str, str]
    query: bytes
    body: bytes


class _ClockBody(Struct, forbid_unknown_fields=True):
    advance: float | None = None
    set: float | datetime | None = None


class _TokenBody(Struct, forbid_unknown_fields=True, kw_only=True):
    account: Annotated[str, Meta(min_length=1)]
    token: Annotated[str, Meta(min_length=1)] | None = None
    session_id: str | None = None
    snapshot: dict[str, Any] | None = None
    outcome: Outcome = "authorize"


class _FraudBody(Struct, forbid_unknown_fields=True):
    decision: Decision


class _Edit(Struct):
    action: Literal["capture", "refund", "cancel", "release", "update", "extend", "expire", "close"]


class _Window(Struct):
    after: Annotated[int, Meta(ge=0)] = 0
    limit: Annotated[int, Meta(ge=1, le=100_000)] = 1_000


class Control:
    """`reset` makes the sandbox forget all."""

    def __init__(self, reset: Callable[[], None]) -> None:
        self._reset = reset
        self._router: Router[Callable[[Steer], Answer]] = Router(_ROUTES)

    def answer(self, world: World, method: str, path: str, query: bytes, body: bytes | None) -> Answer:
        found = self._router.find(method, path)
        if isinstance(found, frozenset):
            return _wrong(405, f"{method} isn't for this path") if found else _wrong(404, f"no such path: {path}")
        route, params = found
        if body is None:
            return _wrong(413, "the body is too large")
        try:
            return route.handler(Steer(world, self._reset, params, query, body))
        except Refused as refused:
            return json({"error": "; ".join(refused.messages), "error_code": refused.code}, 409)
        except KeyError as missing:
            return _wrong(404, str(missing.args[0]))
        except (msgspec.DecodeError, UnicodeDecodeError) as bad:
            return _wrong(400, str(bad))


def _wrong(status: int, message: str) -> Answer:
    return json({"error": message}, status)


def _read(steer: Steer, kind: type[T]) -> T:
    return msgspec.json.decode(steer.body or b"{}", type=kind)


def _window(steer: Steer) -> _Window:
    return msgspec.convert(dict(parse_qsl(steer.query.decode("latin-1"))), _Window, strict=False)


# -- time, state ------------------------------------------------------------------------------------------------------


def health(steer: Steer) -> Answer:
    return json({"status": "ok", "orders": len(steer.world.orders)})


def reset(steer: Steer) -> Answer:
    steer.reset()
    return NO_CONTENT


def read_clock(steer: Steer) -> Answer:
    clock = steer.world.clock
    now = clock.now()
    return json({"now": now, "iso": iso(now), "offset": clock.offset})


def set_clock(steer: Steer) -> Answer:
    """What comes due by it has happened when this answers."""
    body = _read(steer, _ClockBody)
    clock = steer.world.clock
    start = body.set.timestamp() if isinstance(body.set, datetime) else body.set
    if not 0 <= (clock.now() if start is None else start) + (body.advance or 0.0) < _LATEST:
        return _wrong(400, "the clock goes from 1970 to 9000: times are in seconds, not in milliseconds")
    if start is not None:
        clock.set(start)
    clock.advance(body.advance or 0.0)
    steer.world.run_due()
    return read_clock(steer)


def read_switches(steer: Steer) -> Answer:
    return json(steer.world.switches)


def set_switches(steer: Steer) -> Answer:
    """Those named are changed."""
    changes = _read(steer, dict[str, Any])
    steer.world.switches = msgspec.convert(msgspec.to_builtins(steer.world.switches) | changes, Switches)
    return read_switches(steer)


# -- tokens and orders ------------------------------------------------------------------------------------------------


def make_token(steer: Steer) -> Answer:
    body = _read(steer, _TokenBody)
    world = steer.world
    session = None
    if body.session_id is not None and (session := world.sessions.get(body.session_id)) is None:
        raise KeyError(f"no such session: {body.session_id}")
    text = body.token or world.new_id()
    if (body.account, text) in world.tokens:
        return _wrong(409, f"the token {text} is there already")
    snapshot = body.snapshot if body.snapshot is not None or session is None else session.content
    token = Token(text, body.account, body.outcome, world.clock.now(), snapshot, session)
    tokens.add(world, token)
    if session is not None:
        session.token = text
    ends = token.seen_at + world.switches.token_seconds
    return json(
        {"authorization_token": text, "account": body.account, "outcome": body.outcome, "expires_at": ends}, 201
    )


def _order(steer: Steer) -> Order:
    order_id = steer.params["order_id"]
    if (order := steer.world.orders.get(order_id)) is None:
        raise KeyError(f"no such order: {order_id}")
    return order


def read_order(steer: Steer) -> Answer:
    return json(control_view(_order(steer)))


def decide(steer: Steer) -> Answer:
    """Also of an order that wasn't pending: a decision taken back."""
    order = _order(steer)
    decision = _read(steer, _FraudBody).decision
    authorizing.decide(Hand(steer.world, steer.world.clock.now(), "klarna"), order, decision)
    return read_order(steer)


def edit_order(steer: Steer) -> Answer:
    """What a person does in the provider's portal; the body beside `action` is the API's own."""
    order = _order(steer)
    hand = Hand(steer.world, steer.world.clock.now(), "portal")
    match _read(steer, _Edit).action:
        case "capture":
            capturing.capture(hand, order, _read(steer, CaptureBody))
        case "refund":
            refunding.refund(hand, order, _read(steer, RefundBody))
        case "cancel":
            authorizing.cancel(hand, order)
        case "release":
            authorizing.release(hand, order)
        case "update":
            authorizing.update(hand, order, _read(steer, AuthorizationBody))
        case "extend":
            authorizing.extend(hand, order)
        case "expire":
            if order.status not in OPEN:
                return _wrong(409, f"the order is {order.status}")
            expiry.expire(hand, order)
        case "close":
            authorizing.close(hand, order)
    return read_order(steer)


# -- faults -----------------------------------------------------------------------------------------------------------


def add_fault(steer: Steer) -> Answer:
    return json({"id": steer.world.faults.add(_read(steer, Fault))}, 201)


def list_faults(steer: Steer) -> Answer:
    return json({"faults": steer.world.faults.shown()})


def clear_faults(steer: Steer) -> Answer:
    steer.world.faults.clear()
    return NO_CONTENT


def remove_fault(steer: Steer) -> Answer:
    if not steer.world.faults.remove(steer.params["id"]):
        raise KeyError(f"no such fault: {steer.params['id']}")
    return NO_CONTENT


# -- log and ledger ---------------------------------------------------------------------------------------------------


def read_requests(steer: Steer) -> Answer:
    window = _window(steer)
    return json({"requests": steer.world.log.after(window.after, window.limit)})


def read_ledger(steer: Steer) -> Answer:
    window = _window(steer)
    return json({"effects": steer.world.ledger.after(window.after, window.limit)})


def summarize(steer: Steer) -> Answer:
    return json(steer.world.ledger.summary())


_ROUTES: Final = (
    Route("GET", "/health", health),
    Route("POST", "/reset", reset),
    Route("GET", "/clock", read_clock),
    Route("POST", "/clock", set_clock),
    Route("GET", "/switches", read_switches),
    Route("PUT", "/switches", set_switches),
    Route("POST", "/tokens", make_token),
    Route("GET", "/orders/{order_id}", read_order),
    Route("POST", "/orders/{order_id}", edit_order),
    Route("POST", "/orders/{order_id}/fraud", decide),
    Route("POST", "/faults", add_fault),
    Route("GET", "/faults", list_faults),
    Route("DELETE", "/faults", clear_faults),
    Route("DELETE", "/faults/{id}", remove_fault),
    Route("GET", "/requests", read_requests),
    Route("GET", "/ledger", read_ledger),
    Route("GET", "/ledger/summary", summarize),
)
