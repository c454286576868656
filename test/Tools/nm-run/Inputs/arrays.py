# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes small npy files: arrays.py FOLDER NAME=EXPRESSION... (`np` is NumPy, earlier names work)."""

import os
import sys

import numpy as np

folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
names = {"np": np}
for definition in sys.argv[2:]:
    name, expression = definition.split("=", 1)
    names[name] = np.asarray(eval(expression, names))
    np.save(os.path.join(folder, name + ".npy"), names[name])
