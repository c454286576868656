# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Draws what AutoSwitch saw: python3 -m nm.trace trace.csv -o trace.svg

The trace is that of nm.torch and nm.numpy. The picture shows statistic, window's mean and threshold by
step, on a logarithmic scale, and where the dense phase ended, with the reason.
"""

import argparse
import csv
import math
import sys
from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 720, 360, 80, 40, 30
SERIES = (("statistic", "#8fb3d9", 1), ("window_mean", "#1f5fa8", 2), ("threshold", "#c0392b", 1.5))


def read(path):
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


def draw(seen, switch):
    """The picture as SVG."""
    last = float(seen[-1]["step"])
    first = min(float(seen[0]["step"]), last - 1)
    values = [float(row[name]) for row in seen for name, *_ in SERIES]
    positive = [value for value in values if value > 0 and math.isfinite(value)] or [1.0]
    low, high = math.floor(math.log10(min(positive))), math.ceil(math.log10(max(positive)))
    high = max(high, low + 1)

    def x(step):
        return LEFT + (step - first) / (last - first) * (WIDTH - LEFT - 20)

    def y(value):
        return HEIGHT - BOTTOM - (math.log10(value) - low) / (high - low) * (HEIGHT - BOTTOM - TOP)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
           'font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>']
    for power in range(low, high + 1):
        at = y(10.0 ** power)
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - 20}" y1="{at:.1f}" y2="{at:.1f}" stroke="#ddd"/>'
                   f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">1e{power}</text>')
    for step in (first, last):
        out.append(f'<text x="{x(step):.1f}" y="{HEIGHT - 18}" text-anchor="middle">{step:g}</text>')
    out.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - 4}" text-anchor="middle">step</text>')
    for place, (name, colour, width) in enumerate(SERIES):
        points = [(float(row["step"]), float(row[name])) for row in seen]
        line = " ".join(f"{x(step):.1f},{y(value):.1f}" for step, value in points
                        if value > 0 and math.isfinite(value))
        out.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="{width}"/>'
                   f'<text x="{LEFT + 10 + 130 * place}" y="18" fill="{colour}">'
                   f'{name.replace("_", " ")}</text>')
    if switch:
        at = x(float(switch["step"]))
        out.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#333" '
                   'stroke-dasharray="4 3"/>'
                   f'<text x="{WIDTH - 20}" y="18" text-anchor="end">switch after step '
                   f'{escape(switch["step"])}: {escape(switch["reason"])}</text>')
    return "\n".join([*out, "</svg>", ""])


def main():
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
