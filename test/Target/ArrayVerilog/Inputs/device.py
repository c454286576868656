# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""usage: device.py DEVICE FILE ROWS COLS [FIELD=JSON...]: a description with another array, that alone holds sums and waits for no memory."""

import json
import sys

source, path, rows, cols, *fields = sys.argv[1:]
with open(source) as file:
    device = json.load(file)
device["name"] = "small"
device["array"].update(rows=int(rows), cols=int(cols), stationarities=["output"], step_overhead_cycles={"output": 6})
device["scratchpad"]["bytes_per_second"] = 1e17
for field in fields:
    name, value = field.split("=", 1)
    device["array"][name] = json.loads(value)
with open(path, "w") as file:
    json.dump(device, file)
