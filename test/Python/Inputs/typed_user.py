# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A program that uses nm, for a checker of types: typed.test says what it must find."""

import pathlib

import numpy as np

import nm

reveal_type(nm.compile("bert.onnx", prune="2:4"))
reveal_type(nm.load(pathlib.Path("bert.nm")))
reveal_type(nm.load("bert.nm").inputs[0].shape)
reveal_type(nm.load("bert.nm").report(np.zeros(3)))
reveal_type(nm.inspect("bert.safetensors").text)
reveal_type(nm.explore(device="edge"))
reveal_type(nm.simulate("model.mlir", "edge").notes)
reveal_type(nm.pifo.run("fifo.policy").departures)
reveal_type(nm.Recipe("step").json)
reveal_type(nm.version())
reveal_type(nm.numpy.Optimizer({}, "step").mask("w"))
nm.compile()
nm.load("bert.nm", parms="w.npz")
nm.set_progress("yes")
nm.Recipe.load(3)
