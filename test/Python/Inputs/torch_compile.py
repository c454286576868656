# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""nm.torch.compile against the module it compiled."""

import unittest

import numpy
import torch

import nm
import nm.torch


class TorchCompile(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(5)
        self.module = torch.nn.Sequential(torch.nn.Linear(16, 32), torch.nn.ReLU(), torch.nn.Linear(32, 8))
        self.x = torch.randn(3, 16)

    def near(self, found, want):
        self.assertIsInstance(found, torch.Tensor)
        numpy.testing.assert_allclose(found.numpy(), want.detach().numpy(), rtol=1e-4, atol=1e-5)

    def test_same_results(self):
        fast = nm.torch.compile(self.module, self.x)
        self.near(fast(self.x), self.module(self.x))
        self.assertTrue(self.module.training)

    def test_pruned(self):
        fast = nm.compile(self.module, example_inputs=(self.x,), prune="2:4")
        with torch.no_grad():
            for layer in (self.module[0], self.module[2]):
                layer.weight.copy_(nm.prune(layer.weight, "2:4"))
        self.near(fast(self.x), self.module(self.x))

    def test_dynamic(self):
        fast = nm.torch.compile(self.module, self.x, dynamic_axes={"input0": {0: "rows"}, "output0": {0: "rows"}})
        for rows in (1, 7):
            x = torch.randn(rows, 16)
            self.near(fast(x), self.module(x))

    def test_example_inputs_are_needed(self):
        with self.assertRaisesRegex(nm.Error, "give `example_inputs`"):
            nm.compile(self.module)


if __name__ == "__main__":
    unittest.main()
