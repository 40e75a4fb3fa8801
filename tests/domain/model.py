"""A provider as small as can be: the books of Klarna's orders, keys remembered for a day, and every effect counted."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from ordersaga.domain.model.order import Request
from ordersaga.domain.model.outcomes import Call, Read
from ordersaga.domain.model.results import CaptureSeen, RefundSeen, Rejected, Result, Snapshot, Succeeded, TokenStatus

from .shop import DAY

Status = Literal["authorized", "part_captured", "captured", "cancelled", "expired", "closed"]


@dataclass
class Account:
    """One order at the provider."""

    amount: int
    fraud: str
    expires_at: float
    auto: bool
    ended: Status | None = None
    remaining: int = 0
    captures: list[CaptureSeen] = field(default_factory=list)
    refunds: list[RefundSeen] = field(default_factory=list)

    @property
    def captured(self) -> int:
        return sum(one.amount for one in self.captures)

    @property
    def refunded(self) -> int:
        return sum(one.amount for one in self.refunds)

    @property
    def status(self) -> Status:
        if self.ended and not self.captured:
            return self.ended
        if self.captured and not self.remaining:
            return "captured"
        return "part_captured" if self.captured else "authorized"


def no(code: str, status: int = 403) -> Rejected:
    return Rejected(code, (f"{code} here",), "corr", status)


def _token_of(request: Request) -> str:
    return request.path.split("/tokens/")[1].split("/")[0]


class Klarna:
    """`call` answers as the provider would if nothing went wrong on the way."""

    def __init__(self) -> None:
        self.tokens: dict[str, Result] = {}
        self.orders: dict[str, Account] = {}
        self.keys: dict[str, tuple[float, Result]] = {}
        self.effects: Counter[str] = Counter()
        self.refuse_next = False
        self.customer_tokens: dict[str, TokenStatus] = {}

    def call(self, call: Call, now: float) -> Result:
        for account in self.orders.values():
            if now >= account.expires_at and account.remaining:
                account.ended, account.remaining = "expired", 0
        if isinstance(call, Read) and call.request is not None:
            return self._read_token(call.request)
        if isinstance(call, Read):
            return self._read(call.provider_order_id)
        request = call.request
        if "/tokens/" in request.path and request.key is None:
            return self._cancel_token(request)
        if request.key is None:
            return self._authorization(request, now)
        first, result = self.keys.get(request.key, (now, None))
        if result is None or now - first >= DAY:
            result = self._write(request, now)
            self.keys[request.key] = (now, result)
        return result

    def decide(self, fraud: str) -> None:
        """The review of all orders under review ends."""
        for account in self.orders.values():
            if account.fraud == "PENDING":
                account.fraud = fraud
                if fraud == "REJECTED":
                    account.ended, account.remaining = "cancelled", 0
                else:
                    self._auto(account)

    def _authorization(self, request: Request, now: float) -> Result:
        token = request.path.split("/authorizations/")[1].split("/")[0]
        if request.path.endswith("/customer-token"):
            return self._tokenize(token, msgspec.json.decode(request.body)["description"])
        if request.method == "DELETE":
            if token in self.tokens:
                return no("NOT_FOUND", 404)
            self.tokens[token] = no("NOT_FOUND", 404)
            return Succeeded()
        if token not in self.tokens:
            self.tokens[token] = self._create(token, msgspec.json.decode(request.body), now)
        return self.tokens[token]

    def _create(self, token: str, body: dict[str, Any], now: float) -> Result:
        if self._refused() or token.startswith("reject"):
            return no("REJECTED")
        fraud = "PENDING" if token.startswith("pending") else "ACCEPTED"
        name = f"order-{token}"
        self._place(name, fraud, body, now)
        self.effects[f"create {token}"] += 1
        return Succeeded(name, fraud_status=fraud)

    def _place(self, name: str, fraud: str, body: dict[str, Any], now: float) -> None:
        amount = body["order_amount"]
        self.orders[name] = Account(amount, fraud, now + 28 * DAY, body.get("auto_capture", False), remaining=amount)
        if fraud == "ACCEPTED":
            self._auto(self.orders[name])

    def _auto(self, account: Account) -> None:
        if account.auto and account.remaining:
            account.captures.append(CaptureSeen("auto", account.remaining))
            account.remaining = 0

    def _refused(self) -> bool:
        refused, self.refuse_next = self.refuse_next, False
        return refused

    def _read(self, name: str) -> Result:
        account = self.orders.get(name)
        if account is None:
            return no("NO_SUCH_ORDER", 404)
        return Succeeded(
            snapshot=Snapshot(
                name,
                account.status,
                account.fraud,
                "GBP",
                account.amount,
                account.captured,
                account.refunded,
                account.remaining,
                account.expires_at,
                tuple(account.captures),
                tuple(account.refunds),
            )
        )

    def _tokenize(self, token: str, description: str) -> Result:
        """Each request makes another one; the tests give each event a description of its own."""
        if self._refused() or token.startswith("reject"):
            return no("INVALID_OPERATION")
        made = f"customer-{token}-{len(self.customer_tokens)}"
        self.customer_tokens[made] = "active"
        self.effects[f"tokenize {description}"] += 1
        return Succeeded(result={"customer_token": made})

    def _cancel_token(self, request: Request) -> Result:
        token = _token_of(request)
        if self._refused() or token not in self.customer_tokens:
            return no("NOT_FOUND", 404)
        self.customer_tokens[token] = "cancelled"
        return Succeeded()

    def _read_token(self, request: Request) -> Result:
        status = self.customer_tokens.get(_token_of(request))
        return no("NOT_FOUND", 404) if status is None else Succeeded(token_status=status)

    def _token_order(self, request: Request, now: float) -> Result:
        """The token says what comes of it."""
        token = _token_of(request)
        if self._refused() or token.startswith("reject"):
            return no("PAYMENT_METHOD_FAILED")
        fraud = "PENDING" if token.startswith("pending") else "ACCEPTED"
        name = f"order-{request.key}"
        self._place(name, fraud, msgspec.json.decode(request.body), now)
        self.effects[f"create {request.key}"] += 1
        return Succeeded(name, fraud_status=fraud)

    def _write(self, request: Request, now: float) -> Result:
        if "/tokens/" in request.path:
            return self._token_order(request, now)
        name, what = request.path.split("/orders/")[1].split("/")
        account = self.orders[name]
        body = msgspec.json.decode(request.body) if request.body else {}
        if self._refused():
            return no("NOT_ALLOWED")
        match what:
            case "captures":
                result = self._capture(account, body["captured_amount"], body["reference"])
            case "refunds":
                result = self._refund(account, body["refunded_amount"], body["reference"])
            case "cancel":
                result = self._end(account, "cancelled", allowed=not account.captured)
            case "release-remaining-authorization":
                result = self._end(account, "captured", allowed=account.captured > 0 and account.remaining > 0)
            case _:
                result = self._amend(account, body["order_amount"])
        if isinstance(result, Succeeded):
            self.effects[f"{what} {request.key}"] += 1
        return result

    def _capture(self, account: Account, amount: int, reference: str) -> Result:
        if account.fraud != "ACCEPTED" or not 0 < amount <= account.remaining:
            return no("CAPTURE_NOT_ALLOWED")
        account.captures.append(CaptureSeen(f"capture-{reference}", amount, reference))
        account.remaining -= amount
        return Succeeded(f"capture-{reference}")

    def _refund(self, account: Account, amount: int, reference: str) -> Result:
        if not 0 < amount <= account.captured - account.refunded:
            return no("REFUND_NOT_ALLOWED")
        account.refunds.append(RefundSeen(f"refund-{reference}", amount, reference))
        return Succeeded(f"refund-{reference}")

    def _end(self, account: Account, status: Status, *, allowed: bool) -> Result:
        if account.ended or not allowed:
            return no("CANCEL_NOT_ALLOWED")
        account.ended, account.remaining = status, 0
        return Succeeded()

    def _amend(self, account: Account, amount: int) -> Result:
        if account.ended or account.status == "captured" or amount < account.captured:
            return no("NOT_ALLOWED")
        account.amount, account.remaining = amount, amount - account.captured
        return Succeeded()
