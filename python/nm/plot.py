# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Line charts as SVG, drawn by libnm_runtime as nm's tools draw theirs.

    nm.plot.chart("cost of pruning", "layer", "difference", [nm.plot.Series("2:4", [(0, 0.1), (1, 0.2)])])

A notebook shows the chart; `str` of it is the file."""

from __future__ import annotations

import json
import math
from typing import Any, Sequence

from nm import _runtime


class Series:
    """Points (x, y) or (x, y, half): half of an interval of y. Dots without a line if not `line`."""

    def __init__(self, name: object, points: Sequence[Sequence[float]], line: bool = True, dots: bool = True,
                 width: float = 1.6, titles: Sequence[object] = ()) -> None:
        self.name, self.points, self.line, self.dots = name, points, line, dots
        self.width, self.titles = width, titles

    def fields(self) -> dict[str, Any]:
        """As nm_chart_svg takes a series."""
        return {"name": str(self.name), "line": self.line, "dots": self.dots, "width": self.width,
                "titles": [str(title) for title in self.titles],
                "x": [number(point[0]) for point in self.points],
                "y": [number(point[1]) for point in self.points],
                "halves": [number(point[2]) if len(point) > 2 else 0 for point in self.points]}


class Chart(str):
    """The text of an SVG file, which a notebook shows as the picture."""

    def _repr_svg_(self) -> str:
        return str(self)


def number(value: float) -> float | None:
    """As JSON has it: null is no number, and such points are left out."""
    return float(value) if math.isfinite(value) else None


def chart(title: object, x_label: object, y_label: object, series: Sequence[Series], *, log_x: bool = False,
          log_y: bool = False, marks: Sequence[tuple[Any, ...]] = ()) -> Chart:
    """The chart. What a logarithmic axis cannot show is left out. marks: (x, text) of vertical lines,
    (None, y, text) of horizontal ones."""
    scales = ("linear", "log10")
    fields = {"title": str(title), "x_label": str(x_label), "y_label": str(y_label),
              "x_scale": scales[log_x], "y_scale": scales[log_y], "tight": True, "legend_width": 200,
              "series": [one.fields() for one in series],
              "marks": [{"text": str(mark[-1]), "y" if mark[0] is None else "x": float(mark[-2])} for mark in marks]}
    return Chart(_runtime.take_text("nm_chart_svg", json.dumps(fields).encode()))
