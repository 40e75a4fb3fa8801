"""Routing from method and path to a handler. A segment in braces matches any one segment, which is percent-decoded."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import unquote

H_co = TypeVar("H_co", bound=Callable[..., object], covariant=True)


@dataclass(frozen=True, slots=True)
class Route(Generic[H_co]):
    method: str
    template: str
    handler: H_co
    idempotent: bool = False
    """Accepts the provider's idempotency key."""

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple(self.template.strip("/").split("/"))


class Router(Generic[H_co]):
    def __init__(self, routes: Iterable[Route[H_co]]) -> None:
        self._by_length: dict[int, list[tuple[tuple[str | None, ...], tuple[str, ...], Route[H_co]]]] = {}
        for route in routes:
            literals = tuple(None if segment.startswith("{") else segment for segment in route.segments)
            names = tuple(segment.strip("{}") for segment in route.segments if segment.startswith("{"))
            self._by_length.setdefault(len(literals), []).append((literals, names, route))

    def find(self, method: str, raw_path: str) -> tuple[Route[H_co], Mapping[str, str]] | frozenset[str]:
        """The route with its parameters, or the methods allowed for the path (empty: unknown path)."""
        segments = raw_path.strip("/").split("/")
        methods = set()
        for literals, names, route in self._by_length.get(len(segments), ()):
            if all(literal is None or literal == segment for literal, segment in zip(literals, segments, strict=True)):
                if route.method == method:
                    found = (
                        unquote(segment) for literal, segment in zip(literals, segments, strict=True) if literal is None
                    )
                    return route, dict(zip(names, found, strict=True))
                methods.add(route.method)
        return frozenset(methods)
