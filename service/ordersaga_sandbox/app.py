"""The ASGI app: from a request to a handler and back, with authentication, idempotency, faults and the log of requests."""

import asyncio
import base64
import binascii
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, assert_never

from ordersaga_sandbox.call import Call
from ordersaga_sandbox.clock import Clock
from ordersaga_sandbox.connection import Connection, Receive, Scope, Send
from ordersaga_sandbox.control import Control
from ordersaga_sandbox.faults import Armed, broken
from ordersaga_sandbox.http import Answer, Dropped, Refused, correlated, error, with_headers
from ordersaga_sandbox.klarna import order_management, payments
from ordersaga_sandbox.requests import Entry
from ordersaga_sandbox.routes import Route, Router
from ordersaga_sandbox.switches import Switches
from ordersaga_sandbox.world import World

Handler = Callable[[Call], Answer]

_MOST_BODY: Final = 1_048_576
_CONTROL: Final = "/_sandbox"


class Sandbox:
    """Its state is in memory and belongs to one process and one event loop."""

    def __init__(self, switches: Switches | None = None, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()
        self._initial = switches
        self._closing = asyncio.Event()
        self._router: Router[Handler] = Router((*payments.ROUTES, *order_management.ROUTES))
        self._control = Control(self.reset)
        self.world = World(self._clock, switches)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            connection = Connection(scope, receive, send)
            try:
                await (self._steer(connection) if connection.path.startswith(_CONTROL) else self._answer(connection))
            except Dropped:
                await connection.drop()

    def reset(self) -> None:
        """All is forgotten, switches, faults and clock too; requests that a fault holds are dropped."""
        self.world.faults.clear()
        self._clock.offset = 0.0
        self.world = World(self._clock, self._initial)

    def close(self) -> None:
        """Requests that a fault holds are dropped at once."""
        self._closing.set()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                self.close()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return

    async def _steer(self, connection: Connection) -> None:
        body = await connection.body(_MOST_BODY)
        self.world.run_due()
        path = connection.path.removeprefix(_CONTROL)
        await connection.send(self._control.answer(self.world, connection.method, path, connection.query, body))

    # -- the providers' APIs ------------------------------------------------------------------------------------------

    async def _answer(self, connection: Connection) -> None:
        body = await connection.body(_MOST_BODY)
        world = self.world
        world.run_due()
        correlation_id = str(uuid.uuid4())
        entry = world.log.open(world.clock.now(), connection.method, connection.path)
        try:
            answer = await self._admitted(world, entry, connection, body, correlation_id)
        except Refused as refused:
            answer = error(refused, correlation_id)
        answer = correlated(answer, correlation_id)
        if world.switches.log_bodies:
            entry.request_body = (body or b"").decode("utf-8", "replace")
            entry.response_body = answer.body.decode("utf-8", "replace")
        entry.status = answer.status
        entry.answered_at = world.clock.now()
        await connection.send(answer)

    async def _admitted(
        self, world: World, entry: Entry, connection: Connection, body: bytes | None, correlation_id: str
    ) -> Answer:
        """Refused: too large, not authenticated, no such path, too many."""
        if body is None:
            raise Refused(413, "REQUEST_TOO_LARGE", "Request is too large")
        account = entry.account = _account(connection.headers)
        found = self._router.find(connection.method, connection.path)
        if isinstance(found, frozenset):
            known = Refused(405, "METHOD_NOT_ALLOWED", "Method not allowed")
            raise known if found else Refused(404, "NOT_FOUND", "Not found")
        route, params = found
        entry.route = route.template
        key = entry.idempotency_key = connection.header(b"klarna-idempotency-key") if route.idempotent else None
        call = Call(world, entry, account, params, body, key, connection.base_url, correlation_id, entry.received_at)
        limits = world.switches.rate_limits
        if limits == "off":
            return await self._struck(call, route, connection)
        within, headers = world.limiter.take(limits, account, f"{route.method} {route.template}", call.at)
        if not within:
            return with_headers(error(Refused(429, "TOO_MANY_REQUESTS", "Too many requests"), correlation_id), headers)
        return with_headers(await self._struck(call, route, connection), headers)

    async def _struck(self, call: Call, route: Route[Handler], connection: Connection) -> Answer:
        """The answer as the fault, if one strikes, leaves it."""
        fault = call.world.faults.pick(route.method, route.template, call.account)
        if fault is None:
            return await self._once(call, route, None, connection)
        call.entry.fault, call.entry.fault_id = fault.action, fault.id
        if fault.after_effect:
            answer = await self._once(call, route, None, connection)
            return await self._bent(call, fault, answer, connection)
        if fault.action in {"delay", "hang"}:
            return await self._once(call, route, fault, connection)
        return await self._bent(call, fault, Answer(200), connection)

    async def _once(self, call: Call, route: Route[Handler], held: Armed | None, connection: Connection) -> Answer:
        """Executed, once for each idempotency key; a fault that holds it before its effect holds the key too."""

        async def work() -> Answer:
            if held is not None:
                await self._hold(held, connection)
            call.world.run_due()
            call.at = call.world.clock.now()
            return _executed(call, route.handler)

        if call.key is None:
            return await work()
        answer, replayed = await call.world.keys.once((call.account, call.key), call.world.switches, work)
        call.entry.replay = call.entry.replay or replayed
        return answer

    async def _bent(self, call: Call, fault: Armed, answer: Answer, connection: Connection) -> Answer:
        match fault.action:
            case "drop_before" | "drop_after":
                raise Dropped
            case "delay" | "hang":
                await self._hold(fault, connection)
                return answer
            case "status":
                bent = fault.answer(call.correlation_id)
                if call.key is not None and bent.status >= 500:
                    call.world.keys.keep((call.account, call.key), bent, call.at, call.world.switches)
                return bent
            case "broken_body":
                return broken(answer)
            case _:
                assert_never(fault.action)

    async def _hold(self, fault: Armed, connection: Connection) -> None:
        """Dropped: the sandbox closes; of a hang also: the client left, the fault was withdrawn."""
        if fault.action == "delay":
            if await _first(self._closing.wait(), seconds=fault.fault.seconds):
                raise Dropped
            return
        await _first(self._closing.wait(), fault.withdrawn.wait(), connection.gone())
        raise Dropped


async def _first(*events: Awaitable[Any], seconds: float | None = None) -> bool:
    """Whether one of them came within the time."""
    tasks = [asyncio.ensure_future(event) for event in events]
    try:
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)
    finally:
        for task in tasks:
            task.cancel()


def _executed(call: Call, handler: Handler) -> Answer:
    """The correlation id stands in the answer before a key keeps it: a replay has the same headers."""
    try:
        answer = handler(call)
    except Refused as refused:
        answer = error(refused, call.correlation_id)
    return correlated(answer, call.correlation_id)


def _account(headers: Mapping[bytes, bytes]) -> str:
    """The user name: each is an account of its own. Refused: no Basic credentials, an empty part, the password `wrong`."""
    scheme, _, credentials = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"basic":
        try:
            user, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            user = password = ""
        if user and password and password != "wrong":  # noqa: S105 - the one password that is refused
            return user
    raise Refused(401, "UNAUTHORIZED", "Authentication failed")


def create_app(switches: Switches | None = None, clock: Clock | None = None) -> Sandbox:
    """An ASGI app with a state of its own. `switches`: where it starts and what a reset returns to."""
    return Sandbox(switches, clock)
