"""The ASGI app: from a request to a handler and back, with authentication, idempotency, faults and the request log."""

import asyncio
import uuid
from collections.abc import Awaitable
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
    with_headers,
)
from ordersaga_sandbox.klarna.provider import KLARNA
from ordersaga_sandbox.mollie.provider import MOLLIE
from ordersaga_sandbox.provider import Handler, Provider
from ordersaga_sandbox.request_log import LogEntry
from ordersaga_sandbox.routes import Route, Router
from ordersaga_sandbox.state import SandboxState
from ordersaga_sandbox.switches import Switches

_MAX_BODY: Final = 1_048_576
_CONTROL_PREFIX: Final = "/_sandbox"
_MOLLIE_PREFIX: Final = "/v2/"


class Sandbox:
    """Keeps its state in memory, for one process and one event loop."""

    def __init__(self, switches: Switches | None = None, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()
        self._initial_switches = switches
        self._closing = asyncio.Event()
        self._router: Router[Handler] = Router((*KLARNA.routes, *MOLLIE.routes))
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
        provider = MOLLIE if connection.path.startswith(_MOLLIE_PREFIX) else KLARNA
        entry = state.log.open(state.clock.now(), connection.method, connection.path)
        try:
            response = await self._handle(provider, state, entry, connection, body, correlation_id)
        except ApiError as error:
            response = provider.error_response(error, correlation_id)
        response = provider.tagged(response, correlation_id)
        if state.switches.log_bodies:
            entry.request_body = (body or b"").decode("utf-8", "replace")
            entry.response_body = response.body.decode("utf-8", "replace")
        entry.status = response.status
        entry.answered_at = state.clock.now()
        self._courier.arm()
        await connection.send(response)

    async def _handle(
        self,
        provider: Provider,
        state: SandboxState,
        entry: LogEntry,
        connection: Connection,
        body: bytes | None,
        correlation_id: str,
    ) -> Response:
        """Raises ApiError: body too large, not authenticated, unknown path, rate limit exceeded."""
        if body is None:
            raise ApiError(413, "REQUEST_TOO_LARGE", "Request is too large")
        account, scope = provider.authenticate(connection.headers)
        entry.account = account
        found = self._router.find(connection.method, connection.path)
        if isinstance(found, frozenset):
            if found:
                refusal = provider.error_response(
                    ApiError(405, "METHOD_NOT_ALLOWED", "Method not allowed"), correlation_id
                )
                return with_headers(refusal, ((b"allow", ", ".join(sorted(found)).encode()),))
            raise ApiError(404, "NOT_FOUND", "Not found")
        route, params = found
        entry.route = route.template
        key = entry.idempotency_key = connection.header(provider.key_header) if route.idempotent else None
        call = Call(
            state,
            entry,
            account,
            params,
            body,
            key,
            connection.base_url,
            correlation_id,
            entry.received_at,
            scope,
            connection.query,
            connection.headers,
        )
        within, headers = provider.rate_limit(call, f"{route.method} {route.template}")
        if not within:
            refusal = provider.error_response(ApiError(429, "TOO_MANY_REQUESTS", "Too many requests"), correlation_id)
            return with_headers(refusal, headers)
        return with_headers(await self._with_faults(provider, call, route, connection), headers)

    async def _with_faults(
        self, provider: Provider, call: Call, route: Route[Handler], connection: Connection
    ) -> Response:
        """The response, changed by a fault if one fires."""
        fault = call.state.faults.pick(route.method, route.template, call.account)
        if fault is None:
            return await self._run_once(provider, call, route, None, connection)
        call.entry.fault, call.entry.fault_id = fault.action, fault.id
        if fault.takes_effect:
            response = await self._run_once(provider, call, route, None, connection)
            return await self._apply_fault(provider, call, fault, response, connection)
        if fault.action in {"delay", "hang"}:
            return await self._run_once(provider, call, route, fault, connection)
        return await self._apply_fault(provider, call, fault, Response(200), connection)

    async def _run_once(
        self,
        provider: Provider,
        call: Call,
        route: Route[Handler],
        fault: ActiveFault | None,
        connection: Connection,
    ) -> Response:
        """Runs the handler, once per idempotency key. `fault` holds the request before its effect, and its key with it."""

        async def work() -> Response:
            if fault is not None:
                await self._hold(fault, connection)
            call.state.run_due()
            call.at = call.state.clock.now()
            return _run_handler(provider, call, route.handler)

        if call.key is None:
            return await work()
        response, replayed = await call.state.keys.run_once(
            _account_key(provider, call), provider.key_rules(call), call.state.switches, work
        )
        call.entry.replay = call.entry.replay or replayed
        return provider.replayed(response) if replayed else response

    async def _apply_fault(
        self, provider: Provider, call: Call, fault: ActiveFault, response: Response, connection: Connection
    ) -> Response:
        match fault.action:
            case "drop_before" | "drop_after":
                raise ConnectionDropped
            case "delay" | "hang":
                await self._hold(fault, connection)
                return response
            case "status":
                response = fault.response(lambda error: provider.error_response(error, call.correlation_id))
                if call.key is not None and response.status >= 500:
                    call.state.keys.store(
                        _account_key(provider, call), provider.key_rules(call), response, call.at, call.state.switches
                    )
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


def _account_key(provider: Provider, call: Call) -> tuple[str, str]:
    return f"{provider.name}:{call.scope}:{call.account}", call.key or ""


def _run_handler(provider: Provider, call: Call, handler: Handler) -> Response:
    """The response has all its headers before it is stored under a key, so that a replay has the same."""
    try:
        response = handler(call)
    except ApiError as error:
        response = provider.error_response(error, call.correlation_id)
    return provider.tagged(response, call.correlation_id)


def create_app(switches: Switches | None = None, clock: Clock | None = None) -> Sandbox:
    """An ASGI app with its own state. `switches`: the initial ones, which a reset restores."""
    return Sandbox(switches, clock)
