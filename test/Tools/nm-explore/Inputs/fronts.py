# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""usage: fronts.py CSV JSON HTML: one front in three forms. The rows are the same, and none beats another of its
attention in time, energy and bytes."""

import csv
import html.parser
import json
import sys

with open(sys.argv[1], newline="") as file:
    rows = list(csv.DictReader(file))
with open(sys.argv[2]) as file:
    objects = json.load(file)
assert len(rows) == len(objects) > 1
for row, other in zip(rows, objects):
    assert list(row) == list(other)
    for name, text in row.items():
        assert text == other[name] if isinstance(other[name], str) else float(text) == other[name], (name, text)


class Cells(html.parser.HTMLParser):
    found = []
    inside = False

    def handle_starttag(self, tag, attributes):
        self.inside = tag == "td"
        if self.inside:
            self.found.append("")

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "td"

    def handle_data(self, data):
        if self.inside:
            self.found[-1] += data


cells = Cells()
with open(sys.argv[3]) as file:
    text = file.read()
cells.feed(text)
assert cells.found == [cell for row in rows for cell in row.values()]
assert text.count("<circle") >= len(rows)

bytes_of = "mapping" in rows[0] and "footprint_bytes" or "buffer_bytes"
for a in rows:
    for b in rows:
        same = all(a[name] == b[name] for name in ("model", "length", "group", "mask"))
        better = [float(b[name]) <= float(a[name]) for name in ("seconds", "energy_pj", bytes_of)]
        strictly = [float(b[name]) < float(a[name]) for name in ("seconds", "energy_pj", bytes_of)]
        assert not (same and all(better) and any(strictly)), (a, b)
