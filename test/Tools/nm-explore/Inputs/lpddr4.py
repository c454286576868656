# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""usage: lpddr4.py DEVICE FILE: the description with eight channels of LPDDR4-3200, 16 bits each (JESD209-4)."""

import json
import sys

with open(sys.argv[1]) as file:
    device = json.load(file)
device["name"] = "lpddr4"
device["dram"] = {
    "bytes_per_second": 51.2e9, "latency_cycles": 60, "burst_bytes": 32,
    "rows": {"channels": 8, "banks": 8, "row_bytes": 2048, "rcd_ns": 18, "cl_ns": 17.5, "rp_ns": 18, "ras_ns": 42, "rrd_ns": 10, "faw_ns": 40,
             "refi_ns": 3904, "rfc_ns": 280}}
with open(sys.argv[2], "w") as file:
    json.dump(device, file)
