"""Mollie behind the port over real TCP: its headers, and the search for an order whose creation wasn't answered."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from msgspec.structs import replace

from ordersaga.domain.model.order import Operation
from ordersaga.domain.model.outcomes import Read, Revoke, Send
from ordersaga.domain.model.results import Rejected, Result, Retryable, Succeeded
from ordersaga.providers.mollie.provider import Mollie
from ordersaga.providers.mollie.terms import MollieTerms
from ordersaga.providers.port import Provider

from .mollie_orders import LAMP, ORDER_ID, TERMS, Json, order, shown_order, text
from .orders import operation
from .raw import Exchange, RawServer, serving

SENT = 1_709_290_800.0  # 2024-03-01T11:00:00Z
OURS = replace(operation("create_order_to_pay"), opened=SENT)
AT = "2024-03-01T{}:00+00:00"


class Api:
    """Answers each request in turn, and keeps them. None: it doesn't answer, and ends the connection."""

    def __init__(self, *answers: Json | tuple[int, bytes] | None) -> None:
        self._answers = list(answers)
        self.server = RawServer()

    async def answer(self, exchange: Exchange) -> None:
        await exchange.read()
        given = self._answers.pop(0)
        if given is None:
            return
        status, body = given if isinstance(given, tuple) else (200, text(given))
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/hal+json\r\nContent-Length: {len(body)}\r\n\r\n"
        await exchange.answer(head.encode() + body)

    @property
    def targets(self) -> list[str]:
        return [request.split(b" ", 2)[1].decode() for request in self.server.requests]

    def headers(self, number: int = 0) -> dict[str, str]:
        head = self.server.requests[number].split(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
        return dict(line.lower().split(": ", 1) for line in head)


Serve = Callable[..., Any]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Begins to serve these answers; gives the API and the provider that calls it."""
    async with AsyncExitStack() as stack:

        async def begin(*answers: Json | tuple[int, bytes] | None, terms: MollieTerms = TERMS) -> tuple[Api, Mollie]:
            api = Api(*answers)
            api.server = await stack.enter_async_context(serving(api.answer))
            provider = Mollie("test_key", f"http://127.0.0.1:{api.server.port}", 2, terms)
            stack.push_async_callback(provider.close)
            return api, provider

        yield begin


def listed(*orders: Json, following: str | None = None) -> Json:
    link = None if following is None else {"href": following, "type": "application/hal+json"}
    return {"count": len(orders), "_embedded": {"orders": list(orders)}, "_links": {"next": link, "previous": None}}


def entry(ident: str, at: str, metadata: Any = None) -> Json:
    return {"resource": "order", "id": ident, "createdAt": AT.format(at), "metadata": metadata}


async def search(provider: Provider, made_by: Operation = OURS, deadline: float = 5.0) -> Result:
    return await provider.call(Read("", made_by, of="search"), deadline)


async def test_the_order_is_found_on_a_later_page_by_its_metadata_and_then_read(serve: Serve) -> None:
    elsewhere = "https://evil.example/v3/other?from=ord_3&limit=1"
    api, provider = await serve(
        listed(entry("ord_1", "12:00"), entry("ord_2", "11:30", "a text"), following=elsewhere),
        listed(entry("ord_3", "11:20", {"operation": "other"}), entry(ORDER_ID, "11:10", {"operation": OURS.id})),
        shown_order("created"),
    )
    result = await search(provider)
    assert isinstance(result, Succeeded)
    assert (result.provider_id, result.searched) == (ORDER_ID, True)
    assert result.result == {"checkout_url": "https://pay.example/tr_1"}
    assert result.snapshot is not None
    assert api.targets == [
        "/v2/orders?limit=250",
        "/v2/orders?from=ord_3&limit=250",
        f"/v2/orders/{ORDER_ID}?embed=payments,refunds,shipments",
    ]


async def test_it_isnt_there_where_the_list_ends_or_is_an_hour_older(serve: Serve) -> None:
    api, provider = await serve(
        listed(),
        listed(entry("ord_1", "10:01"), entry("ord_2", "09:59"), following="https://x?from=ord_3"),
        listed(entry("ord_1", "12:00"), following="https://x?from=ord_2"),
        listed(entry("ord_2", "11:59"), following=None),
    )
    for _ in range(3):
        assert await search(provider) == Succeeded(searched=True)
    assert len(api.targets) == 4
    assert api.targets[3] == "/v2/orders?from=ord_2&limit=250"


async def test_an_order_that_was_sent_before_it_was_opened_again_counts_from_the_first_send(serve: Serve) -> None:
    _, provider = await serve(
        listed(entry("ord_1", "09:59"), entry("ord_2", "09:01", {"operation": OURS.id})), shown_order("paid")
    )
    result = await search(provider, replace(OURS, first_sent=SENT - 3600))
    assert isinstance(result, Succeeded)
    assert result.snapshot is not None


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([(503, b"")], "http_503"),
        ([(200, b"{}")], "broken_body"),
        ([listed({"id": "ord_1", "createdAt": "yesterday"})], "broken_body"),
        ([listed(entry("ord_1", "12:00"), following="https://x?page=2")], "broken_body"),
        ([listed(entry("ord_1", "12:00"), following="https://x?from=ord_1")] * 2, "endless_list"),
        ([listed(entry("ord_1", "12:00", {"operation": OURS.id})), (404, b'{"status":404,"detail":"x"}')], "http_404"),
        ([listed(entry("ord_1", "12:00", {"operation": OURS.id})), (200, b"{}")], "broken_body"),
    ],
)
async def test_a_search_that_doesnt_come_to_an_end_proves_nothing(
    serve: Serve, answers: list[Json | tuple[int, bytes]], reason: str
) -> None:
    _, provider = await serve(*answers)
    result = await search(provider)
    assert isinstance(result, Retryable)
    assert result.reason == reason


async def test_a_search_keeps_to_its_deadline(serve: Serve) -> None:
    pages = [listed(entry(f"ord_{n}", "12:00"), following=f"https://x?from=ord_{n + 1}") for n in range(20_000)]
    _, provider = await serve(*pages)
    result = await search(provider, deadline=0.3)
    assert isinstance(result, Retryable)


async def test_a_search_that_was_cut_short_goes_on_where_it_was(serve: Serve) -> None:
    """Else the list of a busy shop would never be read to its end, for it grows meanwhile."""
    first = listed(entry("ord_1", "12:00"), following="https://x?from=ord_2")
    api, provider = await serve(first, (503, b""), listed(entry("ord_2", "09:00")), listed(entry("ord_2", "09:00")))
    assert isinstance(await search(provider), Retryable)
    assert await search(provider) == Succeeded(searched=True)
    assert await search(provider) == Succeeded(searched=True)
    anew, further = "/v2/orders?limit=250", "/v2/orders?from=ord_2&limit=250"
    assert api.targets == [anew, further, further, anew]


@pytest.mark.parametrize("since", [{"absent": 1}, {"last_sent": SENT + 60}, {"looked_up": SENT + 60}])
async def test_a_search_after_a_send_or_an_absence_begins_anew(serve: Serve, since: dict[str, Any]) -> None:
    first = listed(entry("ord_1", "12:00"), following="https://x?from=ord_2")
    api, provider = await serve(first, (503, b""), listed())
    await search(provider)
    assert await search(provider, replace(OURS, **since)) == Succeeded(searched=True)
    assert api.targets[2] == "/v2/orders?limit=250"


async def test_a_search_that_cant_go_on_where_it_was_begins_anew(serve: Serve) -> None:
    first = listed(entry("ord_1", "12:00"), following="https://x?from=ord_2")
    refused = (400, b'{"status":400,"detail":"Invalid cursor."}')
    api, provider = await serve(first, (503, b""), refused, listed(), first, refused)
    assert isinstance(await search(provider), Retryable)
    assert await search(provider) == Succeeded(searched=True)
    assert api.targets[3] == "/v2/orders?limit=250"
    assert isinstance(await search(provider), Rejected)


async def test_a_page_that_is_too_large_is_read_in_halves(serve: Serve) -> None:
    """Orders come whole, with all of their lines."""
    large = listed({**entry("ord_1", "12:00"), "lines": "x" * 8 * 2**20})
    api, provider = await serve(
        large, large, listed(entry("ord_1", "12:00"), following="https://x?from=ord_2"), listed()
    )
    assert await search(provider) == Succeeded(searched=True)
    limits = [dict(parse_qsl(urlsplit(target).query))["limit"] for target in api.targets]
    assert limits == ["250", "125", "62", "62"]


async def test_a_page_that_didnt_come_in_time_is_smaller_the_next_time(serve: Serve) -> None:
    first = listed(entry("ord_1", "12:00"), following="https://x?from=ord_2")
    api, provider = await serve(None, first, None, listed())
    assert isinstance(await search(provider), Retryable)
    assert isinstance(await search(provider), Retryable)
    assert await search(provider) == Succeeded(searched=True)
    limits = [dict(parse_qsl(urlsplit(target).query))["limit"] for target in api.targets]
    assert limits == ["250", "125", "125", "125"], "not smaller after a page that came"


async def test_a_single_order_that_is_too_large_is_told(serve: Serve) -> None:
    large = listed({**entry("ord_1", "12:00"), "lines": "x" * 8 * 2**20})
    api, provider = await serve(*[large] * 8)
    result = await search(provider, deadline=20.0)
    assert isinstance(result, Retryable)
    assert (result.reason, len(api.targets)) == ("too_large", 8)


async def test_a_search_that_is_refused_is_told(serve: Serve) -> None:
    _, provider = await serve((403, b'{"status":403,"detail":"Not with this token."}'))
    assert await search(provider) == Rejected("403", ("Not with this token.",), None, 403)


async def test_a_write_has_its_key_and_a_read_none(serve: Serve) -> None:
    api, provider = await serve((503, b""), shown_order("paid"))
    asked = operation("refund", 10000)
    await provider.call(Send(asked, TERMS.freeze(order(LAMP), asked, None)), 5.0)
    read = await provider.call(Read(ORDER_ID), 5.0)
    assert isinstance(read, Succeeded)
    first, second = api.headers(0), api.headers(1)
    assert (first["authorization"], first["idempotency-key"]) == ("bearer test_key", asked.id)
    assert first["content-type"] == "application/json"
    assert "idempotency-key" not in second
    assert api.targets[1] == f"/v2/orders/{ORDER_ID}?embed=payments,refunds,shipments"


async def test_reads_with_an_access_token_tell_test_mode_and_lists_the_profile(serve: Serve) -> None:
    api, provider = await serve(listed(), shown_order("paid"), terms=MollieTerms(profile_id="pfl_1", testmode=True))
    await search(provider)
    await provider.call(Read(ORDER_ID, operation("capture", 1)), 5.0)
    queries = [dict(parse_qsl(urlsplit(target).query)) for target in api.targets]
    assert queries == [
        {"limit": "250", "testmode": "true", "profileId": "pfl_1"},
        {"embed": "payments,refunds,shipments", "testmode": "true"},
    ]


async def test_there_is_nothing_to_withdraw(serve: Serve) -> None:
    _, provider = await serve()
    asked = operation("create_order_to_pay")
    with pytest.raises(AssertionError, match="create_order_to_pay"):
        await provider.call(Revoke(asked, TERMS.freeze(order(LAMP), operation("cancel"), None)), 5.0)
