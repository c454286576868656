# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Draws what AutoSwitch saw: python3 -m nm.trace trace.csv -o trace.svg

The trace is that of nm.torch and nm.numpy. The picture shows statistic, window's mean and threshold by
step, on a logarithmic scale, and where the dense phase ended, with the reason.
"""

from __future__ import annotations

import argparse
import csv
import sys

from nm.plot import Series, chart
from nm._types import PathLike

#: Columns of the trace that are drawn, and how thick.
SERIES = (("statistic", 1), ("window_mean", 2.5), ("threshold", 1.5))


def read(path: PathLike) -> tuple[list[dict[str, str]], dict[str, str] | None]:
    """The steps in which AutoSwitch looked, as dicts of numbers, and the one that switched."""
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    missing = {"step", "observed", "reason", *(name for name, *_ in SERIES)} - set(rows[0] if rows else ())
    if missing:
        raise ValueError(f"{path}: no column '{sorted(missing)[0]}'; expected a trace with a header")
    seen = [row for row in rows if row["observed"] == "1"]
    if not seen:
        raise ValueError(f"{path}: AutoSwitch looked at none of its {len(rows)} steps")
    return seen, next((row for row in seen if row["switched"] == "1"), None)


def draw(seen: list[dict[str, str]], switch: dict[str, str] | None) -> str:
    """The picture as SVG."""
    series = [Series(name.replace("_", " "), [(float(row["step"]), float(row[name])) for row in seen],
                     dots=False, width=width) for name, width in SERIES]
    marks = [(float(switch["step"]), f"switch after step {switch['step']}: {switch['reason']}")] if switch else []
    return chart("what AutoSwitch saw", "step", "change of the second moment", series, log_y=True, marks=marks)


def main() -> int:
    parser = argparse.ArgumentParser(prog="nm.trace", description=__doc__)
    parser.add_argument("trace", help="CSV file of a training")
    parser.add_argument("-o", "--output", required=True, help="SVG file")
    arguments = parser.parse_args()
    try:
        picture = draw(*read(arguments.trace))
        with open(arguments.output, "w", encoding="utf-8") as file:
            file.write(picture)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
