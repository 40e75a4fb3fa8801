"""With `klarna-orders`, a client that was generated of Klarna's own OpenAPI document of Payments v1; skipped without it.

It checks what the sandbox answers with against that document's types: an unknown field is dropped, a field that it
requires and that is missing, or a value of another type, fails.
"""

import warnings
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from ordersaga_sandbox import running

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of its dependencies
    klarna = pytest.importorskip("klarna", reason="klarna-orders isn't installed")
    operations = pytest.importorskip("klarna.models.operations")
    shared = pytest.importorskip("klarna.models.shared")

pytestmark = pytest.mark.filterwarnings("ignore")
LINES = [
    {"name": "T-shirt", "quantity": 2, "unit_price": 500, "total_amount": 1000, "reference": "T", "tax_rate": 2000}
]
CART = {"order_amount": 1000, "order_tax_amount": 167, "purchase_country": "GB", "purchase_currency": "GBP"}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running() as url:
        yield url


def client_of(url: str, password: str) -> Any:
    """It takes the whole header, and knows nothing of Basic."""
    header = f"Basic {b64encode(f'shop:{password}'.encode()).decode()}"
    return klarna.Klarna(security=shared.Security(api_key_auth=header), server_url=url)


@pytest.fixture
def client(url: str) -> Iterator[Any]:
    made = client_of(url, "secret")
    made._client.post(f"{url}/_sandbox/reset", json={})
    yield made
    made._client.close()


def lines() -> list[Any]:
    return [shared.OrderLine(**one, total_tax_amount=167) for one in LINES]


def create(client: Any, token: str, **more: Any) -> Any:
    body = shared.CreateOrderRequestInput(**{**CART, "order_lines": lines(), **more})
    return client.orders.create(
        operations.CreateOrderRequest(authorization_token=token, create_order_request_input=body)
    )


def code_of(answer: Any) -> tuple[int, str, list[str]]:
    error = answer.raw_response.json()
    assert error["correlation_id"]
    return answer.status_code, error["error_code"], error["error_messages"]


def test_a_session_is_created_updated_and_read(client: Any) -> None:
    given = shared.SessionCreateInput(**CART, order_lines=lines(), locale="en-GB")
    created = client.sessions.create(given)
    assert created.status_code == 200
    session = created.merchant_session
    assert session.client_token
    assert session.payment_method_categories
    changed = shared.SessionInput(merchant_reference1="R-1")
    updated = client.sessions.update(
        operations.UpdateCreditSessionRequest(session_id=session.session_id, session_input=changed)
    )
    assert (updated.status_code, updated.raw_response.content) == (204, b"")
    read = client.sessions.read(operations.ReadCreditSessionRequest(session_id=session.session_id)).session_read
    assert read.order_amount == 1000
    assert read.merchant_reference1 == "R-1"
    assert read.status.value == "incomplete"
    assert [line.reference for line in read.order_lines] == ["T"]
    assert read.expires_at.tzinfo


def test_a_session_that_is_unknown_is_not_found(client: Any) -> None:
    answer = client.sessions.read(operations.ReadCreditSessionRequest(session_id="nowhere"))
    assert code_of(answer)[:2] == (404, "NOT_FOUND")


def test_a_session_that_lacks_a_field_is_a_bad_value(client: Any) -> None:
    given = shared.SessionCreateInput(**{**CART, "order_lines": lines(), "order_amount": -1})
    assert code_of(client.sessions.create(given))[:2] == (400, "BAD_VALUE")


@pytest.mark.parametrize(("token", "fraud"), [("sbx-1", "ACCEPTED"), ("sbx-pending-1", "PENDING")])
def test_an_order_is_created_and_again_the_same(client: Any, token: str, fraud: str) -> None:
    urls = shared.MerchantUrls(confirmation="https://shop.example/thanks")
    first = create(client, token, merchant_urls=urls)
    assert first.status_code == 200
    assert first.order.fraud_status == fraud
    assert first.order.redirect_url
    assert first.order.authorized_payment_method.type.value
    assert create(client, token, merchant_urls=urls).order.order_id == first.order.order_id


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("sbx-reject-1", (403, "REJECTED", ["Rejected"])),
        ("unknown", (404, "NOT_FOUND", ["Invalid authorization token"])),
    ],
)
def test_an_order_that_is_refused_says_why(client: Any, token: str, expected: tuple[int, str, list[str]]) -> None:
    assert code_of(create(client, token)) == expected


def test_amounts_that_do_not_add_up_are_a_bad_value(client: Any) -> None:
    assert code_of(create(client, "sbx-1", order_amount=999))[:2] == (400, "BAD_VALUE")


def test_another_body_for_a_used_token_is_a_conflict(client: Any) -> None:
    assert create(client, "sbx-1").status_code == 200
    assert code_of(create(client, "sbx-1", merchant_reference1="R-2"))[:2] == (409, "BAD_VALUE")


def test_an_authorization_is_cancelled_once(client: Any) -> None:
    request = operations.CancelAuthorizationRequest(authorization_token="sbx-1")
    done = client.authorizations.cancel(request)
    assert (done.status_code, done.raw_response.content) == (204, b"")
    assert code_of(client.authorizations.cancel(request))[:2] == (404, "NOT_FOUND")
    assert create(client, "sbx-1").status_code == 404


def tokenize(client: Any, token: str, description: str = "Tea club") -> Any:
    body = shared.CustomerTokenCreationRequest(
        description=description,
        intended_use=shared.CustomerTokenCreationRequestIntendedUseEnum.SUBSCRIPTION,
        locale="en-GB",
        purchase_country="GB",
        purchase_currency="GBP",
    )
    return client.tokens.purchase(
        operations.PurchaseTokenRequest(authorization_token=token, customer_token_creation_request=body)
    )


def test_a_customer_token_is_created(client: Any) -> None:
    answer = tokenize(client, "sbx-1")
    assert answer.status_code == 200
    assert answer.customer_token_creation_response.token_id


def test_a_customer_token_without_a_description_is_a_bad_value(client: Any) -> None:
    answer = tokenize(client, "sbx-1", "")
    assert answer.status_code == 400
    assert answer.error_v2.error_code == "BAD_VALUE"
    assert answer.error_v2.error_messages
    assert answer.error_v2.correlation_id


def test_a_customer_token_of_an_authorization_to_buy_is_refused(client: Any) -> None:
    assert code_of(tokenize(client, "sbx-buy-1"))[:2] == (403, "INVALID_OPERATION")


def test_wrong_credentials_are_unauthorized(url: str) -> None:
    client = client_of(url, "wrong")
    assert create(client, "sbx-1").status_code == 401
    client._client.close()
