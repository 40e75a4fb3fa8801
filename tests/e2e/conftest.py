"""A stage for each test, on the session's Kafka and Postgres."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from ordersaga_local import parts

from .play import Play, playing

pytest.register_assert_rewrite("e2e.losing", "e2e.mollie", "e2e.mollie_stories")
Opening = Callable[..., AbstractAsyncContextManager[Play]]


@pytest.fixture
def opened(kafka: parts.Kafka, postgres: parts.Postgres, migrated: str) -> Opening:
    """Opens stages with settings of their own."""

    def open_stage(settings: dict[str, str] | None = None, **options: Any) -> AbstractAsyncContextManager[Play]:
        return playing(parts.Parts(kafka, postgres), migrated, settings, **options)

    return open_stage
