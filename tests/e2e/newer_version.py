"""`ordersaga` as a newer version of itself would be: older processes can't read the states that it writes."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

NAME = "ordersaga.store.readers"
NOW, THEN = "STATE_VERSION: Final = 1", "STATE_VERSION: Final = 2"

if __name__ == "__main__":
    spec = importlib.util.find_spec(NAME)
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).read_text()
    assert NOW in source
    module = sys.modules[NAME] = ModuleType(NAME)
    exec(compile(source.replace(NOW, THEN), spec.origin, "exec"), module.__dict__)

    from ordersaga.cli import main

    sys.exit(main())
