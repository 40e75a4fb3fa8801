"""The merchants' rules as of now: settings, and what the database says of restores and of what has been heard."""

from collections.abc import Mapping

from msgspec.structs import replace

from ordersaga.domain.model.terms import Rules


class Rulebook:
    """`hearing_lag`: seconds by which the intake's word of having heard everything may be early."""

    def __init__(self, rules: Mapping[str, Rules], watermark_lag: float = 2.0) -> None:
        self._rules = dict(rules)
        self._lag = watermark_lag

    def of(self, merchant: str) -> Rules:
        return self._rules[merchant]

    def learn(self, *, input_watermark: float | None = None, restored_at: float | None = None) -> None:
        for merchant, rules in self._rules.items():
            heard = rules.input_watermark if input_watermark is None else input_watermark - self._lag
            restored = rules.restored_at if restored_at is None else restored_at
            if (heard, restored) != (rules.input_watermark, rules.restored_at):
                self._rules[merchant] = replace(rules, input_watermark=heard, restored_at=restored)
