# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Packet schedulers on traffic: nm-pifo for Python."""

from __future__ import annotations

import csv
import json
import os
import pathlib
import tempfile
from typing import Any

from nm import _tools
from nm._types import PathLike
from nm.work import Report, Rows, _options


def _write_packets(packets: Any, path: pathlib.Path) -> str:
    """The file of packets, which is written for a list of dicts."""
    if isinstance(packets, (str, os.PathLike)):
        return os.fspath(packets)
    rows = list(packets)
    columns = list(rows[0]) if rows else ["time", "flow", "length"]
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


class Traffic(Report):
    """What became of the packets; `departures` has a row for each that left."""

    def __init__(self, text: str, data: Any, notes: str = ""):
        super().__init__(text, data, notes)
        self.departures = Rows()


def run(policy: PathLike, packets: Any = None, **options: Any) -> Traffic:
    """Runs a scheduler on packets. `policy` is a file (*.policy, *.mlir) or the text of a policy; `packets`
    a file (CSV, pcap) or a list of dicts with the columns of one (docs/nm-pifo.md); without,
    `generate="poisson:..."` makes some. The report's `departures` are a list of dicts."""
    with tempfile.TemporaryDirectory(prefix="nm-") as name:
        folder = pathlib.Path(name)
        if isinstance(policy, str) and "\n" in policy:
            path = folder / ("scheduler.mlir" if "pifo.scheduler" in policy else "scheduler.policy")
            path.write_text(policy)
            policy = path
        traffic = [] if packets is None else [_write_packets(packets, folder / "packets.csv")]
        data, out = folder / "report.json", folder / "departures.csv"
        done = _tools.run("nm-pifo", policy, *traffic, *_options(options), f"--json={data}",
                          f"--departures={out}")
        report = Traffic(done.out, json.loads(data.read_text()), done.notes)
        with open(out, newline="") as file:
            report.departures = Rows(csv.DictReader(file))
        return report
