#!/usr/bin/env python3
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# usage: small_array.py <description of a device>
# Prints it with an array of 8 x 8 and a scratchpad of 24 KiB, on which long sequences pass in small blocks.
import json
import sys

device = json.loads(open(sys.argv[1]).read())
device["array"]["rows"] = device["array"]["cols"] = 8
device["scratchpad"]["bytes"] = 24576
print(json.dumps(device))
