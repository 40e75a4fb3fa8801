"""Lists: all at once, or in pages by a cursor. Source: mollie/api-documentation, overview/pagination.rst."""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from ordersaga_sandbox.mollie.errors import MollieError, invalid
from ordersaga_sandbox.mollie.reading import Request
from ordersaga_sandbox.mollie.views import documentation, link

T = TypeVar("T")

PAGE_FIELDS: Final = frozenset({"from", "limit", "sort"})
_MOST: Final = 250
_DEFAULT: Final = 50


def whole(name: str, items: Sequence[Any], url: str, page: str) -> dict[str, Any]:
    return {
        "count": len(items),
        "_embedded": {name: items},
        "_links": {"self": link(url), "documentation": documentation(page)},
    }


def paged(
    request: Request, name: str, items: Sequence[T], identify: Callable[[T], str], view: Callable[[T], Any], page: str
) -> dict[str, Any]:
    """A page of items, which come oldest first; newest first unless `sort` is `asc`. Raises MollieError."""
    query = request.query
    limit = _limit(query.get("limit"))
    if query.get("sort", "desc") not in {"asc", "desc"}:
        raise invalid("The 'sort' field should be one of: asc, desc", "sort")
    ordered = items if query.get("sort") == "asc" else items[::-1]
    start = _start(ordered, identify, query.get("from"))
    shown = ordered[start : start + limit]
    path = f"{request.call.base_url}{request.call.entry.path}"

    def at(index: int) -> dict[str, str]:
        kept = {key: value for key, value in query.items() if key not in {"from", "limit"}}
        return link(f"{path}?{urlencode({'from': identify(ordered[index]), 'limit': limit} | kept)}")

    following = start + limit < len(ordered)
    links: dict[str, Any] = {
        "self": link(f"{path}?{urlencode({'limit': str(limit), **query})}"),
        "previous": at(max(0, start - limit)) if start else None,
        "next": at(start + limit) if following else None,
        "documentation": documentation(page),
    }
    return {"count": len(shown), "_embedded": {name: [view(item) for item in shown]}, "_links": links}


def _limit(given: str | None) -> int:
    if given is None or given == "":
        return _DEFAULT
    if not given.isdecimal() or not 1 <= int(given) <= _MOST:
        raise MollieError(400, f"Invalid limit. The limit should be between 1 and {_MOST}.", "limit")
    return int(given)


def _start(items: Sequence[T], identify: Callable[[T], str], cursor: str | None) -> int:
    if not cursor:
        return 0
    found = next((index for index, item in enumerate(items) if identify(item) == cursor), None)
    if found is None:
        raise MollieError(400, "Invalid cursor. The 'from' field should be the id of an item of the list.", "from")
    return found
