"""Makes `sample/` importable, which is a folder of scripts and no installed package."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
