"""With `klarna-orders`, a client that was generated of Klarna's own OpenAPI document of Payments v1.

It checks what the sandbox answers with against that document's types: an unknown field is dropped, a field that it
requires and that is missing, or a value of another type, fails. Run by `test_sandbox_klarna_orders.py`, without the
packages that the tests have.
"""

import importlib
import json
import sys
import traceback
from base64 import b64encode
from typing import Any

klarna: Any = importlib.import_module("klarna")
operations: Any = importlib.import_module("klarna.models.operations")
shared: Any = importlib.import_module("klarna.models.shared")

LINES = [
    {"name": "T-shirt", "quantity": 2, "unit_price": 500, "total_amount": 1000, "reference": "T", "tax_rate": 2000}
]
CART = {"order_amount": 1000, "order_tax_amount": 167, "purchase_country": "GB", "purchase_currency": "GBP"}
Error = tuple[int, str, list[str]]


class Client:
    def __init__(self, url: str, password: str = "secret") -> None:
        """It takes the whole header, and knows nothing of Basic."""
        header = f"Basic {b64encode(f'shop:{password}'.encode()).decode()}"
        self.url = url
        self.sdk = klarna.Klarna(security=shared.Security(api_key_auth=header), server_url=url)

    def control(self, path: str, body: object) -> Any:
        answer = self.sdk._client.post(f"{self.url}/_sandbox/{path}", data=json.dumps(body))
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def start(self, **more: Any) -> Any:
        given = shared.SessionCreateInput(**{**CART, "order_lines": lines(), "locale": "en-GB", **more})
        return self.sdk.sessions.create(given)

    def read(self, session_id: str) -> Any:
        return self.sdk.sessions.read(operations.ReadCreditSessionRequest(session_id=session_id))

    def update(self, session_id: str, **fields: Any) -> Any:
        request = operations.UpdateCreditSessionRequest(
            session_id=session_id, session_input=shared.SessionInput(**fields)
        )
        return self.sdk.sessions.update(request)

    def create(self, token: str, **more: Any) -> Any:
        body = shared.CreateOrderRequestInput(**{**CART, "order_lines": lines(), **more})
        request = operations.CreateOrderRequest(authorization_token=token, create_order_request_input=body)
        return self.sdk.orders.create(request)

    def cancel(self, token: str) -> Any:
        return self.sdk.authorizations.cancel(operations.CancelAuthorizationRequest(authorization_token=token))

    def tokenize(self, token: str, description: str = "Tea club", **more: Any) -> Any:
        body = shared.CustomerTokenCreationRequest(
            description=description,
            intended_use=shared.CustomerTokenCreationRequestIntendedUseEnum.SUBSCRIPTION,
            locale="en-GB",
            purchase_country="GB",
            purchase_currency="GBP",
            **more,
        )
        request = operations.PurchaseTokenRequest(authorization_token=token, customer_token_creation_request=body)
        return self.sdk.tokens.purchase(request)


def lines() -> list[Any]:
    return [shared.OrderLine(**one, total_tax_amount=167) for one in LINES]


def address() -> Any:
    return shared.Address(given_name="Ada", family_name="Example", email="ada@example.com", country="GB")


def code_of(answer: Any) -> Error:
    error = answer.raw_response.json()
    assert error["correlation_id"]
    return answer.status_code, error["error_code"], error["error_messages"]


def expect(answer: Any, status: int, code: str, *messages: str) -> None:
    found = code_of(answer)
    assert found[:2] == (status, code), found
    assert not messages or found[2] == list(messages), found


def empty(answer: Any) -> None:
    assert (answer.status_code, answer.raw_response.content) == (204, b""), answer


def check_a_session_is_created(client: Client) -> None:
    created = client.start()
    assert created.status_code == 200, created
    session = created.merchant_session
    assert session.client_token
    assert session.session_id
    for category in session.payment_method_categories:
        assert category.identifier
        assert category.name
        assert category.asset_urls


def check_a_session_is_updated_and_read(client: Client) -> None:
    session_id = client.start(billing_address=address()).merchant_session.session_id
    empty(client.update(session_id, merchant_reference1="R-1"))
    answer = client.read(session_id)
    assert answer.status_code == 200, answer
    read = answer.session_read
    assert read.order_amount == 1000
    assert read.merchant_reference1 == "R-1"
    assert read.status.value == "incomplete"
    assert read.billing_address.given_name == "Ada"
    assert [line.reference for line in read.order_lines] == ["T"]
    assert read.expires_at.tzinfo


def check_a_session_is_complete_once_its_order_is_placed(client: Client) -> None:
    session_id = client.start().merchant_session.session_id
    made = client.control("tokens", {"account": "shop", "session_id": session_id})
    assert client.create(made["authorization_token"], locale="en-GB").status_code == 200
    assert client.read(session_id).session_read.status.value == "complete"
    expect(client.update(session_id, merchant_reference1="R-1"), 404, "SESSION_COMPLETED")


def check_a_session_that_is_unknown_is_not_found(client: Client) -> None:
    expect(client.read("nowhere"), 404, "NOT_FOUND", "Invalid session id")
    expect(client.update("nowhere", merchant_reference1="R-1"), 404, "NOT_FOUND", "Invalid session id")


def check_a_session_with_a_wrong_amount_is_a_bad_value(client: Client) -> None:
    expect(client.start(order_amount=-1), 400, "BAD_VALUE")


def check_an_order_is_created_and_again_the_same(client: Client) -> None:
    urls = shared.MerchantUrls(confirmation="https://shop.example/thanks")
    first = client.create("sbx-1", merchant_urls=urls, billing_address=address())
    assert first.status_code == 200, first
    assert first.order.order_id
    assert first.order.fraud_status == "ACCEPTED"
    assert first.order.redirect_url
    assert first.order.authorized_payment_method.type.value
    again = client.create("sbx-1", merchant_urls=urls, billing_address=address())
    assert again.order.order_id == first.order.order_id


def check_an_order_under_review_is_pending(client: Client) -> None:
    assert client.create("sbx-pending-1").order.fraud_status == "PENDING"


def check_an_order_that_is_rejected_says_so(client: Client) -> None:
    expect(client.create("sbx-reject-1"), 403, "REJECTED", "Rejected")


def check_an_order_with_an_unknown_token_is_not_found(client: Client) -> None:
    expect(client.create("unknown"), 404, "NOT_FOUND", "Invalid authorization token")


def check_amounts_that_do_not_add_up_are_a_bad_value(client: Client) -> None:
    expect(client.create("sbx-1", order_amount=999), 400, "BAD_VALUE")


def check_another_body_for_a_used_token_is_a_conflict(client: Client) -> None:
    assert client.create("sbx-1").status_code == 200
    expect(client.create("sbx-1", merchant_reference1="R-2"), 409, "BAD_VALUE")


def check_an_authorization_is_cancelled_once(client: Client) -> None:
    empty(client.cancel("sbx-1"))
    expect(client.cancel("sbx-1"), 404, "NOT_FOUND", "Authorization cannot be deleted")
    expect(client.create("sbx-1"), 404, "NOT_FOUND", "Invalid authorization token")


def check_an_authorization_with_an_order_is_not_cancelled(client: Client) -> None:
    assert client.create("sbx-1").status_code == 200
    expect(client.cancel("sbx-1"), 404, "NOT_FOUND", "Authorization cannot be deleted")


def check_a_customer_token_is_created_and_again_the_same(client: Client) -> None:
    answer = client.tokenize("sbx-1", billing_address=address())
    assert answer.status_code == 200, answer
    made = answer.customer_token_creation_response
    assert made.token_id
    again = client.tokenize("sbx-1", billing_address=address())
    assert again.customer_token_creation_response.token_id == made.token_id


def check_a_customer_token_without_a_description_is_a_bad_value(client: Client) -> None:
    answer = client.tokenize("sbx-1", "")
    assert answer.status_code == 400, answer
    assert answer.error_v2.error_code == "BAD_VALUE"
    assert answer.error_v2.error_messages
    assert answer.error_v2.correlation_id


def check_a_customer_token_of_an_authorization_to_buy_is_refused(client: Client) -> None:
    expect(client.tokenize("sbx-buy-1"), 403, "INVALID_OPERATION")


def check_a_customer_token_of_an_unknown_authorization_is_not_found(client: Client) -> None:
    expect(client.tokenize("unknown"), 404, "NOT_FOUND", "Invalid authorization token")


def check_another_body_for_a_customer_token_is_a_conflict(client: Client) -> None:
    assert client.tokenize("sbx-1").status_code == 200
    expect(client.tokenize("sbx-1", "Coffee club"), 409, "BAD_VALUE")


def check_wrong_credentials_are_unauthorized(client: Client) -> None:
    stranger = Client(client.url, "wrong")
    expect(stranger.create("sbx-1"), 401, "UNAUTHORIZED")
    expect(stranger.start(), 401, "UNAUTHORIZED")


def main(url: str) -> None:
    for name, check in list(globals().items()):
        if not name.startswith("check_"):
            continue
        error = None
        try:
            client = Client(url)
            client.control("reset", {})
            check(client)
        except Exception:  # noqa: BLE001 - it is told, as the check's result
            error = traceback.format_exc()
        print(json.dumps({"check": name.removeprefix("check_"), "error": error}))


if __name__ == "__main__":
    main(sys.argv[1])
