"""The ASGI app: from a request to a handler and back, with authentication, idempotency, faults and the request log."""

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
from ordersaga_sandbox.courier import Courier
from ordersaga_sandbox.faults import ActiveFault, with_broken_body
from ordersaga_sandbox.http import (
    ApiError,
    ConnectionDropped,
    Response,
    error_response,
    with_correlation_id,
    with_headers,
)
from ordersaga_sandbox.klarna import api
from ordersaga_sandbox.request_log import LogEntry
from ordersaga_sandbox.routes import Route, Router
from ordersaga_sandbox.state import SandboxState
from ordersaga_sandbox.switches import Switches

Handler = Callable[[Call], Response]

_MAX_BODY: Final = 1_048_576
_CONTROL_PREFIX: Final = "/_sandbox"


class Sandbox:
    """Keeps its state in memory, for one process and one event loop."""

    def __init__(self, switches: Switches | None = None, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()
        self._initial_switches = switches
        self._closing = asyncio.Event()
        self._router: Router[Handler] = Router(api.ROUTES)
        self.state = SandboxState(self._clock, switches)
        self._courier = Courier(lambda: self.state)
        self._control = Control(self.reset, self._courier)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            connection = Connection(scope, receive, send)
            try:
                await (
                    self._serve_control_plane(connection)
                    if connection.path.startswith(_CONTROL_PREFIX)
                    else self._serve_api(connection)
                )
            except ConnectionDropped:
                await connection.drop()

    def reset(self) -> None:
        """Clears all state, including switches, faults and clock; requests held by a fault are dropped."""
        self.state.faults.clear()
        self._courier.stop()
        self._clock.offset = 0.0
        self.state = SandboxState(self._clock, self._initial_switches)

    def close(self) -> None:
        """Drops requests held by a fault, and deliveries in progress, at once."""
        self._closing.set()
        self._courier.stop()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                self.close()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return

    async def _serve_control_plane(self, connection: Connection) -> None:
        body = await connection.body(_MAX_BODY)
        self.state.run_due()
        path = connection.path.removeprefix(_CONTROL_PREFIX)
        response = await self._control.handle(self.state, connection, path, body)
        self.state.run_due()
        self._courier.arm()
        await connection.send(response)

    # -- the provider's APIs -------------------------------------------------------------------------------------------

    async def _serve_api(self, connection: Connection) -> None:
        body = await connection.body(_MAX_BODY)
        state = self.state
        state.run_due()
        correlation_id = str(uuid.uuid4())
        entry = state.log.open(state.clock.now(), connection.method, connection.path)
        try:
            response = await self._handle(state, entry, connection, body, correlation_id)
        except ApiError as error:
            response = error_response(error, correlation_id)
        response = with_correlation_id(response, correlation_id)
        if state.switches.log_bodies:
            entry.request_body = (body or b"").decode("utf-8", "replace")
            entry.response_body = response.body.decode("utf-8", "replace")
        entry.status = response.status
        entry.answered_at = state.clock.now()
        self._courier.arm()
        await connection.send(response)

    async def _handle(
        self, state: SandboxState, entry: LogEntry, connection: Connection, body: bytes | None, correlation_id: str
    ) -> Response:
        """Raises ApiError: body too large, not authenticated, unknown path, rate limit exceeded."""
        if body is None:
            raise ApiError(413, "REQUEST_TOO_LARGE", "Request is too large")
        account = entry.account = _authenticate(connection.headers)
        found = self._router.find(connection.method, connection.path)
        if isinstance(found, frozenset):
            if found:
                raise ApiError(405, "METHOD_NOT_ALLOWED", "Method not allowed")
            raise ApiError(404, "NOT_FOUND", "Not found")
        route, params = found
        entry.route = route.template
        key = entry.idempotency_key = connection.header(b"klarna-idempotency-key") if route.idempotent else None
        call = Call(state, entry, account, params, body, key, connection.base_url, correlation_id, entry.received_at)
        limits = state.switches.rate_limits
        if limits == "off":
            return await self._with_faults(call, route, connection)
        within, headers = state.rate_limiter.take(limits, account, f"{route.method} {route.template}", call.at)
        if not within:
            return with_headers(
                error_response(ApiError(429, "TOO_MANY_REQUESTS", "Too many requests"), correlation_id), headers
            )
        return with_headers(await self._with_faults(call, route, connection), headers)

    async def _with_faults(self, call: Call, route: Route[Handler], connection: Connection) -> Response:
        """The response, changed by a fault if one fires."""
        fault = call.state.faults.pick(route.method, route.template, call.account)
        if fault is None:
            return await self._run_once(call, route, None, connection)
        call.entry.fault, call.entry.fault_id = fault.action, fault.id
        if fault.takes_effect:
            response = await self._run_once(call, route, None, connection)
            return await self._apply_fault(call, fault, response, connection)
        if fault.action in {"delay", "hang"}:
            return await self._run_once(call, route, fault, connection)
        return await self._apply_fault(call, fault, Response(200), connection)

    async def _run_once(
        self, call: Call, route: Route[Handler], fault: ActiveFault | None, connection: Connection
    ) -> Response:
        """Runs the handler, once per idempotency key. `fault` holds the request before its effect, and its key with it."""

        async def work() -> Response:
            if fault is not None:
                await self._hold(fault, connection)
            call.state.run_due()
            call.at = call.state.clock.now()
            return _run_handler(call, route.handler)

        if call.key is None:
            return await work()
        response, replayed = await call.state.keys.run_once((call.account, call.key), call.state.switches, work)
        call.entry.replay = call.entry.replay or replayed
        return response

    async def _apply_fault(
        self, call: Call, fault: ActiveFault, response: Response, connection: Connection
    ) -> Response:
        match fault.action:
            case "drop_before" | "drop_after":
                raise ConnectionDropped
            case "delay" | "hang":
                await self._hold(fault, connection)
                return response
            case "status":
                response = fault.response(call.correlation_id)
                if call.key is not None and response.status >= 500:
                    call.state.keys.store((call.account, call.key), response, call.at, call.state.switches)
                return response
            case "broken_body":
                return with_broken_body(response)
            case _:
                assert_never(fault.action)

    async def _hold(self, fault: ActiveFault, connection: Connection) -> None:
        """Raises ConnectionDropped when the sandbox closes; a hang also when the client disconnects or the fault is removed."""
        if fault.action == "delay":
            if await _any_of(self._closing.wait(), seconds=fault.fault.seconds):
                raise ConnectionDropped
            return
        await _any_of(self._closing.wait(), fault.removed.wait(), connection.disconnected())
        raise ConnectionDropped


async def _any_of(*awaitables: Awaitable[Any], seconds: float | None = None) -> bool:
    """Whether one of them completed in time."""
    tasks = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    try:
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)
    finally:
        for task in tasks:
            task.cancel()


def _run_handler(call: Call, handler: Handler) -> Response:
    """The response has its correlation id before it is stored under a key, so that a replay has the same headers."""
    try:
        response = handler(call)
    except ApiError as error:
        response = error_response(error, call.correlation_id)
    return with_correlation_id(response, call.correlation_id)


def _authenticate(headers: Mapping[bytes, bytes]) -> str:
    """The user name; each is an account. Raises ApiError: no Basic credentials, an empty part, the password `wrong`."""
    scheme, _, credentials = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"basic":
        try:
            user, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            user = password = ""
        if user and password and password != "wrong":  # noqa: S105 - the only password that is rejected
            return user
    raise ApiError(401, "UNAUTHORIZED", "Authentication failed")


def create_app(switches: Switches | None = None, clock: Clock | None = None) -> Sandbox:
    """An ASGI app with its own state. `switches`: the initial ones, which a reset restores."""
    return Sandbox(switches, clock)
