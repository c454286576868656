# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Packet schedulers on traffic: nm-pifo for Python."""

from __future__ import annotations

import csv
import json
import os
import pathlib
import tempfile
from typing import Any, Mapping

from nm import _tools
from nm.work import Report, _options


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


def run(policy: str | os.PathLike[str], packets: Any = None, **options: Any) -> Report:
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
        report = Report(done.out, json.loads(data.read_text()))
        with open(out, newline="") as file:
            departures: list[Mapping[str, str]] = list(csv.DictReader(file))
        report.departures = departures  # type: ignore[attr-defined]
        return report
