"""Switches for behaviour that the providers' documentation leaves open or contradicts itself about.

The default is the likelier behaviour or, without evidence, the stricter one, so that a client that passes with it passes
with the other too. docs/sandbox.md has the table.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Status = Literal["AUTHORIZED", "PART_CAPTURED", "CAPTURED", "CANCELLED", "EXPIRED", "CLOSED"]
Decision = Literal["ACCEPTED", "REJECTED"]
PaymentMethod = Literal[
    "invoice",
    "fixed_amount",
    "base_account",
    "direct_debit",
    "direct_bank_transfer",
    "b2b_invoice",
    "card",
    "slice_it_by_card",
    "pay_later_by_card",
    "pay_by_card",
    "fixed_sum_credit",
    "alternative_payment_method",
]
FraudEvent = Literal["FRAUD_RISK_ACCEPTED", "FRAUD_RISK_REJECTED", "FRAUD_RISK_STOPPED"]
DeliveryKind = Literal[
    "push",
    "notification",
    "authorization",
    "validation",
    "address_update",
    "shipping_option_update",
    "country_change",
    "order_webhook",
    "payment_webhook",
]
Seconds = Annotated[float, Meta(ge=0)]


class Switches(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    # Payments: authorization tokens and the response of create order
    token_seconds: Seconds = 3_600
    """Lifetime of an authorization token, from its first use."""
    sticky_token_errors: bool = True
    """A token whose create order was rejected returns the same error forever."""
    replayed_create: Literal["answer", "consumed"] = "answer"
    """The same body again after success: the same order, or 403 "Authorization token already consumed"."""
    completed_token_outlives_expiry: bool = False
    """The same body again after the token has expired: the same order instead of 404."""
    authorized_payment_method: Literal["object", "string"] = "object"
    payment_method: PaymentMethod = "invoice"
    auto_capture_allowed: bool = True
    """The contract allows `auto_capture`; otherwise it is ignored."""
    pending_decision_after: Seconds | None = None
    """Virtual seconds after which a pending order is decided automatically; null: never."""
    pending_decision: Decision = "ACCEPTED"

    # Customer tokens
    lower_case_intended_use: bool = False
    """`intended_use` may be `subscription`, as in Klarna's example; the schema has only `SUBSCRIPTION`."""
    token_cancel_seconds: Seconds = 5
    """Virtual seconds after which an accepted cancellation takes effect."""
    second_token_cancel: Literal[202, 403] = 403
    canceled_code: Literal["TOKEN_CANCELED", "TOKEN_CANCELLED"] = "TOKEN_CANCELED"
    linked_elsewhere: Literal["not_found", "canceled"] = "not_found"
    """An order with another account's token: 404, or 403 with the code of cancelled tokens, as the text of Klarna's table has it."""
    renewal_bad_value: Literal["BAD_VALUE", "BAD_REQUEST"] = "BAD_VALUE"
    """Code for wrong values in an order with a customer token; Klarna's table for this call lists BAD_REQUEST only."""
    renewal_redirect_url: Literal["always", "with_confirmation", "never"] = "with_confirmation"
    """In the response of an order with a customer token: the schema requires it, Klarna's example doesn't have it."""
    customer_status_case: Literal["upper", "lower"] = "upper"

    # Checkout
    checkout_seconds: Seconds = 172_800
    """Life of a Checkout order, from the last update or interaction of the customer."""
    customer_seconds: Seconds = 5
    """Virtual seconds after which a customer acts by themselves, where `merchant_data` begins with `sbx-`."""
    checkout_activated: bool = True
    """Otherwise reading a Checkout order is 403: the merchant isn't activated."""
    checkout_status_case: Literal["lower", "upper"] = "lower"
    validation_seconds: Seconds = 3
    """Real seconds for the merchant's validation; without an answer the purchase is approved."""
    required_validation_seconds: Seconds = 10
    """The same with `require_validate_callback_success`; without an answer the purchase fails."""

    # Order Management: statuses
    cancel_when_expired: bool = False
    second_cancel: Literal[204, 403] = 403
    second_release: Literal[204, 403] = 403
    second_acknowledge: Literal[204, 403] = 204
    acknowledge_statuses: tuple[Status, ...] = ("AUTHORIZED", "PART_CAPTURED", "CAPTURED")
    refund_statuses: tuple[Status, ...] = ("PART_CAPTURED", "CAPTURED", "EXPIRED")
    extend_statuses: tuple[Status, ...] = ("AUTHORIZED", "PART_CAPTURED")
    references_statuses: tuple[Status, ...] = ("AUTHORIZED", "PART_CAPTURED", "CAPTURED", "EXPIRED", "CLOSED")
    details_statuses: tuple[Status, ...] = ("AUTHORIZED", "PART_CAPTURED")
    shipping_info_statuses: tuple[Status, ...] = ("AUTHORIZED", "PART_CAPTURED", "CAPTURED")
    part_captured_at_expiry: Literal["EXPIRED", "CAPTURED"] = "EXPIRED"
    expiry_keeps_remaining: bool = False
    """An expired order still shows what could no longer be captured as `remaining_authorized_amount`."""
    risk_refuses_increase: bool = False
    risk_refuses_address: bool = False
    billing_address_changes: bool = False
    """Orders and captures take a new billing address, as in Klarna's PHP client; for captures its OpenAPI document has no such call."""

    # Order Management: amounts and lines
    capture_of_zero: bool = False
    refund_of_zero: bool = False
    capture_lines_sum_checked: bool = True
    """Lines of a capture must sum to `captured_amount`."""
    line_formulae_checked: bool = True
    """Totals and taxes of lines in captures, refunds and updates must match the formulae of Payments."""
    shipping_delay_allowed: bool = True
    order_limits: bool = False
    """At most 200 captures, 200 refunds and 500 operations per order."""

    # Order Management: time
    authorization_days: Annotated[int, Meta(ge=1, le=180)] = 28
    extension_extra_days: Literal[0, 1] = 0
    """Klarna's example extends 15 January by 28 days to 13 February; arithmetic says the 12th."""
    partial_capture_renews_expiry: bool = False

    # Order Management: responses
    invalid_order_id_status: Literal[400, 404] = 400
    refund_not_found_status: Literal[404, 400] = 404
    location: Literal["absolute", "path"] = "absolute"

    # Deliveries to the merchant
    deliveries_anywhere: bool = False
    """Also to hosts other than 127.0.0.1, ::1 and localhost."""
    delivery_seconds: Seconds = 5
    """Real seconds for an attempt."""
    delivery_copies: Annotated[int, Meta(ge=1, le=10)] = 1
    """Each attempt is sent so many times at once."""
    delivery_delay: Seconds = 0
    """Virtual seconds by which every attempt is late."""
    lost_deliveries: tuple[DeliveryKind, ...] = ()
    """Kinds whose attempts get lost on the way."""
    push_after: Seconds = 120
    """Virtual seconds from the completion of a Checkout order to the first push."""
    push_for_payments: bool = False
    """Orders of Payments and of customer tokens get pushes too, if they have the URL."""
    notification_time_field: str | None = None
    """Name of the field with the time of the decision in a notification; null: none."""

    # Idempotency
    key_seconds: Seconds = 86_400
    """Lifetime of an idempotency key, from the first attempt."""
    replay_4xx: bool = True
    replay_5xx: bool = False
    key_in_flight: Literal["wait", "conflict"] = "wait"
    """While the first request with the key still runs: wait for its response, or 409 CONFLICT."""

    # Mollie
    mollie_customer: Literal["none", "pays"] = "none"
    """What the customer does with each new payment, unless its order says otherwise."""
    mollie_customer_seconds: Seconds = 5
    """Virtual seconds after which the customer does it."""
    mollie_recurring_seconds: Seconds = 0
    """Virtual seconds after which a recurring payment is paid."""
    mollie_refund_queued_seconds: Seconds = 0
    """Virtual seconds that a refund is queued; 0: it is pending from the start."""
    mollie_refund_pending_seconds: Seconds = 86_400
    mollie_refund_processing_seconds: Seconds = 86_400
    mollie_refund_outcome: Literal["refunded", "failed"] = "refunded"
    mollie_duplicate_refunds: Literal["all", "payments", "off"] = "all"
    """Which refunds are refused when one of the same amount was made within the hour: also those by line, or not."""
    mollie_refunded_shippable: bool = False
    """What was paid and refunded can still be shipped."""
    mollie_payment_when_shipping: Literal["authorized", "paid"] = "authorized"
    """Status of a payment that is captured in part."""
    mollie_payment_when_canceled: Literal["authorized", "canceled"] = "authorized"
    """Status of the payment when its authorized order is canceled."""
    mollie_shipping_at_expiry: Literal["completed", "expired"] = "completed"
    """Status of a partly shipped order whose authorization expires."""
    mollie_open_payment_blocks_cancel: bool = True
    """An order with an open payment can't be canceled."""
    mollie_declines: bool = False
    """Klarna declines every change of an authorization."""
    mollie_key_seconds: Seconds = 3_600
    mollie_rate_limit: Annotated[int, Meta(ge=1)] | None = None
    """Requests per virtual second of an account; null: no limit."""
    mollie_webhook_seconds: Seconds = 15
    """Real seconds for the merchant's response to a webhook."""

    # Transport
    rate_limits: Literal["off", "playground", "live"] = "off"
    log_bodies: bool = False
