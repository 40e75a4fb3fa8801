"""When one after the other fails with the same error, none of them causes it."""

from typing import Final

from ordersaga.store.errors import StoreError

ENOUGH: Final = 3
"""Orders that fail alone with the same error, and nothing succeeds in between: then none is at fault."""


def kind_of(error: Exception) -> str:
    """Equal for equal errors, whatever order they name; for an error of our own code, its type and location."""
    if isinstance(error, StoreError):
        return str(getattr(error, "reason", error))
    frame, line = error.__traceback__, 0
    name = ""
    while frame is not None:
        name, line, frame = frame.tb_frame.f_code.co_name, frame.tb_lineno, frame.tb_next
    return f"{type(error).__name__} in {name}, line {line}"
