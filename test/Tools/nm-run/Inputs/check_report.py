# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks the fields of a report: check_report.py FILE."""

import json
import sys

report = json.load(open(sys.argv[1]))
assert 0 < report["min_ms"] <= report["median_ms"] <= report["max_ms"], report
assert report["iqr_ms"] >= 0 and report["runs"] == 5
assert report["max_abs_error"] < 1e-5 and report["max_rel_error"] < 1e-5 and report["passed"]
assert report["compile_ms"] >= report["pipeline_ms"] > 0 and report["load_ms"] >= 0
assert report["dense_bytes"] == 512 and report["packed_bytes"] == report["params"][0]["bytes"] > 0
assert report["params"][0]["key"] == "weight" and report["params"][0]["pattern"] == "2:4 axis 1"
assert report["threads"] == 2 and not report["dense"] and report["function"] == "f"
assert any(remark["category"] == "nm-raise" for remark in report["remarks"])
assert any(entry["pass"] == "nm-raise" for entry in report["passes"])
