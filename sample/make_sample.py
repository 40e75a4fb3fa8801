# /// script
# requires-python = ">=3.11"
# dependencies = ["pyarrow"]
# ///
"""Make the sample from the real shop's orders: `python sample/make_sample.py PARQUET`.

Writes `events.ndjson.gz` and `expected.json.gz` beside this file, byte for byte the same on every run.
"""

import gzip
import io
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SEED = 20101201


def compressed(lines: Iterable[str]) -> bytes:
    """Gzip without a name or a time in it."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=9, mtime=0, filename="") as packed:
        packed.writelines(f"{line}\n".encode() for line in lines)
    return buffer.getvalue()


def compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def main(parquet: Path) -> None:
    # Run as a script, Python knows this folder but not the one that holds it as `sample`.
    sys.path.insert(0, str(HERE.parent))
    from sample.expected import expected
    from sample.library import library
    from sample.oracle import read
    from sample.orders import read_invoices

    records, kinds = library(read_invoices(parquet), SEED)
    summary = expected(read(records), kinds)
    (HERE / "events.ndjson.gz").write_bytes(compressed(compact(record) for record in records))
    (HERE / "expected.json.gz").write_bytes(compressed([compact(summary)]))
    print(json.dumps({name: value for name, value in summary.items() if name != "orders"}, indent=1))
    print("orders", len(summary["orders"]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
