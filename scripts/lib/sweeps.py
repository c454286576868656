# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Sweeps of nm-explore as Python tables."""

import argparse
import csv
import math
import os
import subprocess
import sys


class Table:
    """Rows of a sweep, looked up by any of their columns."""

    def __init__(self, rows):
        self.rows = rows

    def find(self, **columns):
        found = [row for row in self.rows
                 if all(row[name] == str(value) for name, value in columns.items())]
        if len(found) != 1:
            raise KeyError(f"found {len(found)} rows, expected one, for {columns}")
        return found[0]

    def value(self, column, **columns):
        row = self.find(**columns)
        if row["status"] != "ok":
            raise KeyError(f"no mapping for {columns}: {row['status']}")
        return float(row[column])


class Explorer:
    def __init__(self, program, work):
        self.program, self.work, self.count = program, work, 0

    def sweep(self, *options, charts=None):
        self.count += 1
        path = os.path.join(self.work, f"sweep{self.count}.csv")
        command = [self.program, "--quiet", f"--output={path}", *options]
        if charts:
            command.append(f"--charts={charts}")
        subprocess.run(command, check=True)
        with open(path, newline="") as file:
            return Table(list(csv.DictReader(file)))


def options_of_pages():
    """What a script that writes a generated page is given."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--nm-explore", required=True)
    parser.add_argument("--output")
    options = parser.parse_args()
    if options.quick and not options.output:
        sys.exit("error: found --quick without --output, expected a folder: the committed page is the full one")
    return options


def mean(values):
    """Geometric."""
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values))


def length_name(length):
    return f"{length // 1024}K" if length % 1024 == 0 else str(length)


def markdown(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows]) + "\n"
