"""The merchants' current rules: from settings, and from the database's times of the last restore and the watermark."""

from collections.abc import Mapping

from msgspec.structs import replace

from ordersaga.domain.model.terms import Rules


class Rulebook:
    """`watermark_lag`: seconds that are taken off the intake's watermark, which may be too late by as much."""

    def __init__(self, rules: Mapping[str, Rules], watermark_lag: float = 2.0) -> None:
        self._rules = dict(rules)
        self._lag = watermark_lag

    def of(self, merchant: str) -> Rules:
        return self._rules[merchant]

    def update(self, *, input_watermark: float | None = None, restored_at: float | None = None) -> None:
        """With the database's times; None: unchanged."""
        for merchant, rules in self._rules.items():
            watermark = rules.input_watermark if input_watermark is None else input_watermark - self._lag
            restored = rules.restored_at if restored_at is None else restored_at
            if (watermark, restored) != (rules.input_watermark, rules.restored_at):
                self._rules[merchant] = replace(rules, input_watermark=watermark, restored_at=restored)
