"""The test's own environment variables."""

import json
import os

import pytest

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
ACCOUNT = {"username": "K1", "password": "swordfish"}
WHOLE = {
    "ORDERSAGA_KAFKA": "broker:9092",
    "ORDERSAGA_DATABASE": "postgresql://saga:hunter2@db:5432/orders",
    "ORDERSAGA_ENCRYPTION_KEY": KEY,
    "ORDERSAGA_MERCHANTS": json.dumps({"default": {"klarna": ACCOUNT}}),
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The required settings and no others."""
    for name in os.environ:
        if name.startswith("ORDERSAGA_"):
            monkeypatch.delenv(name)
    for name, value in WHOLE.items():
        monkeypatch.setenv(name, value)
    return monkeypatch
