# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Line charts as SVG, light or dark as the reader's page is, in the style of nm-run's."""

import math
from xml.sax.saxutils import escape

#: Colours that readers who see fewer can tell apart, those of lib/Support/Svg.cpp.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#777777", "#999933")
DASHES = ("", "6 3", "2 3")
STYLE = """<style>.nm-paper { fill: #fff; } .nm-text { fill: #222; } .nm-grid { stroke: #ddd; } .nm-frame { stroke: #333; }
@media (prefers-color-scheme: dark) { .nm-paper { fill: #1b1b1b; } .nm-text { fill: #e6e6e6; } .nm-grid { stroke: #444; } .nm-frame { stroke: #bbb; } }</style>
"""
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 400, 76, 200, 34, 52


class Axis:
    """From values to 0 ... 1, by value or by logarithm."""

    def __init__(self, values, log=False):
        self.log = log
        shown = [self.scaled(value) for value in values if self.shows(value)]
        self.low, self.high = (min(shown), max(shown)) if shown else (0.0, 1.0)
        if self.high - self.low < 1e-12 * max(1.0, abs(self.high)):
            self.low, self.high = self.low - 0.5, self.high + 0.5
        elif not log:
            room = 0.04 * (self.high - self.low)
            self.low, self.high = self.low - room, self.high + room

    def shows(self, value):
        return math.isfinite(value) and (not self.log or value > 0)

    def scaled(self, value):
        return math.log10(value) if self.log else value

    def at(self, value):
        return (self.scaled(value) - self.low) / (self.high - self.low)

    def ticks(self):
        """Powers of ten where there are enough of them, else round numbers."""
        if self.log and self.high - self.low >= 2:
            step = max(1, math.ceil((self.high - self.low) / 6))
            return [10.0 ** p for p in range(math.ceil(self.low), math.floor(self.high) + 1, step)]
        first, last = (10 ** self.low, 10 ** self.high) if self.log else (self.low, self.high)
        raw = (last - first) / 5
        step = 10 ** math.floor(math.log10(raw))
        step *= next((by for by in (1, 2, 5) if raw / step <= by), 10)
        return [i * step for i in range(math.ceil(first / step - 1e-9), math.floor(last / step + 1e-9) + 1)]


class Series:
    """Points (x, y) or (x, y, half): half of an interval of y. Dots without a line if not `line`."""

    def __init__(self, name, points, line=True, dots=True, width=1.6, titles=()):
        self.name, self.points, self.line, self.dots = name, points, line, dots
        self.width, self.titles = width, titles


def chart(title, x_label, y_label, series, *, log_x=False, log_y=False, marks=()):
    """The chart. What a logarithmic axis cannot show is left out. marks: (x, text) of vertical lines,
    (None, y, text) of horizontal ones."""
    points = [point for one in series for point in one.points]
    x = Axis([p[0] for p in points] + [m[0] for m in marks if m[0] is not None], log_x)
    y = Axis([v for p in points for v in ((p[1], p[1] - p[2], p[1] + p[2]) if len(p) > 2 else (p[1],))]
             + [m[1] for m in marks if m[0] is None], log_y)
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def to_x(value):
        return LEFT + width * x.at(value)

    def to_y(value):
        return TOP + height * (1 - y.at(value))

    def text(at, where, anchor, body, more=""):
        return (f'<text class="nm-text" x="{at:.1f}" y="{where:.1f}" text-anchor="{anchor}"{more}>'
                f'{escape(str(body))}</text>')

    def path(line, more):
        return f'<path d="M{"L".join(f"{px:.1f} {py:.1f}" for px, py in line)}" fill="none" {more}/>'

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {WIDTH} {HEIGHT}" '
           'font-family="sans-serif" font-size="12">', STYLE.rstrip("\n"),
           '<rect class="nm-paper" width="100%" height="100%"/>',
           text(LEFT, 20, "start", title, ' font-size="13"')]
    for value in x.ticks():
        out.append(path([(to_x(value), TOP), (to_x(value), TOP + height)], 'class="nm-grid"'))
        out.append(text(to_x(value), TOP + height + 16, "middle", f"{value:.4g}"))
    for value in y.ticks():
        out.append(path([(LEFT, to_y(value)), (LEFT + width, to_y(value))], 'class="nm-grid"'))
        out.append(text(LEFT - 6, to_y(value) + 4, "end", f"{value:.4g}"))
    out.append(f'<rect class="nm-frame" x="{LEFT}" y="{TOP}" width="{width}" height="{height}" fill="none"/>')
    out.append(text(LEFT + width / 2, HEIGHT - 12, "middle", x_label))
    out.append(f'<g transform="rotate(-90 14 {TOP + height / 2:.1f})">'
               + text(14, TOP + height / 2, "middle", y_label) + "</g>")
    for mark in marks:
        if mark[0] is None:
            line = [(LEFT, to_y(mark[1])), (LEFT + width, to_y(mark[1]))]
            place = (LEFT + 4, to_y(mark[1]) - 4, "start", mark[2])
        else:
            line = [(to_x(mark[0]), TOP), (to_x(mark[0]), TOP + height)]
            left = x.at(mark[0]) > 0.5
            place = (to_x(mark[0]) + (-4 if left else 4), TOP + 14, "end" if left else "start", mark[1])
        out += [path(line, 'class="nm-frame" stroke-dasharray="4 3"'), text(*place)]
    for index, one in enumerate(series):
        colour = PALETTE[index % len(PALETTE)]
        dash = DASHES[index // len(PALETTE) % len(DASHES)]
        stroke = f'stroke="{colour}" stroke-width="{one.width:g}"' + (f' stroke-dasharray="{dash}"' if dash else "")
        shown = [(p, one.titles[i] if i < len(one.titles) else "") for i, p in enumerate(one.points)
                 if x.shows(p[0]) and y.shows(p[1])]
        if one.line and len(shown) > 1:
            out.append(path([(to_x(p[0]), to_y(p[1])) for p, _ in shown], 'class="nm-line" ' + stroke))
        for point, name in shown:
            px, py = to_x(point[0]), to_y(point[1])
            if len(point) > 2 and y.shows(point[1] - point[2]) and y.shows(point[1] + point[2]):
                out.append(path([(px, to_y(point[1] - point[2])), (px, to_y(point[1] + point[2]))],
                                f'stroke="{colour}" stroke-width="1"'))
            if one.dots:
                body = f"<title>{escape(name)}</title></circle>" if name else "</circle>"
                out.append(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="2.5" fill="{colour}">{body}')
        where = TOP + 8 + 15 * index
        out.append(path([(LEFT + width + 10, where), (LEFT + width + 28, where)], f'stroke="{colour}" stroke-width="3"'
                        + (f' stroke-dasharray="{dash}"' if dash else "")))
        out.append(text(LEFT + width + 34, where + 4, "start", one.name))
    return "\n".join([*out, "</svg>", ""])
