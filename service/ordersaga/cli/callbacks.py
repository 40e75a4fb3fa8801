"""From settings to the callbacks that are handed on to shops."""

from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

from ordersaga.config import Settings
from ordersaga.config.parts import Callback as CallbackSettings
from ordersaga.config.parts import Callbacks, Validation
from ordersaga.providers.http import Answer, Http
from ordersaga.providers.klarna.callbacks import approval, denial, passed_on, requires_success, unchanged
from ordersaga.web.callbacks import LARGEST_ANSWER, Account, AccountCallbacks, Callback


def callbacks_of(settings: Settings) -> dict[Account, AccountCallbacks]:
    """Of each account that has some."""
    return {
        (name, "klarna"): _callbacks(merchant.klarna.callbacks)
        for name, merchant in settings.merchants.items()
        if merchant.klarna is not None and merchant.klarna.callbacks.kinds
    }


def _callbacks(settings: Callbacks) -> AccountCallbacks:
    """One connection pool for each of the shop's hosts."""
    pools: dict[str, Http] = {}
    kinds = {}
    for kind, one in settings.kinds.items():
        parts = urlsplit(one.url)
        host = f"{parts.scheme}://{parts.netloc}"
        if host not in pools:
            ca_file = str(settings.ca_file) if settings.ca_file else None
            pools[host] = Http(
                host, None, settings.slots, deadline=settings.deadline, ca_file=ca_file, most_bytes=LARGEST_ANSWER
            )
        kinds[kind] = Callback(
            http=pools[host],
            path=parts.path or "/",
            deadline_of=partial(_deadline, settings, one),
            passed_on=partial(passed_on, kind),
            otherwise=_otherwise(one),
        )
    return AccountCallbacks(kinds, settings.slots, max(settings.deadline, settings.required_deadline or 0.0))


def _deadline(settings: Callbacks, one: CallbackSettings | Validation, body: bytes) -> float:
    longer = settings.required_deadline
    if longer is None or isinstance(one, CallbackSettings) or not requires_success(body):
        return settings.deadline
    return longer


def _otherwise(one: CallbackSettings | Validation) -> Callable[[bytes], Answer | None]:
    match one.no_reply:
        case "approve":
            return lambda _: approval()
        case "deny":
            assert isinstance(one, Validation)
            return lambda _: denial(one.error_type, one.error_text)
        case "unchanged":
            return unchanged
        case "fail":
            return lambda _: None
