# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""nm.torch.compile against the module it compiled."""

import unittest
from typing import NamedTuple

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

    def test_signature_and_results(self):
        class Two(torch.nn.Module):
            def __init__(self, form):
                super().__init__()
                self.layer, self.form = torch.nn.Linear(16, 8), form

            def forward(self, x, scale=None):
                y = self.layer(x)
                return self.form(y if scale is None else y * scale, y.sum(1))

        class Named(NamedTuple):
            y: torch.Tensor
            total: torch.Tensor

        scale = torch.randn(3, 8)
        for form in (lambda a, b: (a, b), lambda a, b: [a, b], lambda a, b: {"y": a, "total": b}, Named):
            module = Two(form)
            want = module(self.x, scale=scale)
            fast = nm.torch.compile(module, (self.x, scale))
            for found in (fast(self.x, scale), fast(self.x, scale=scale), fast(scale=scale, x=self.x)):
                self.assertIs(type(found), type(want))
                pairs = zip(found.values(), want.values()) if isinstance(want, dict) else zip(found, want)
                for a, b in pairs:
                    self.near(a, b)
                if isinstance(want, dict):
                    self.assertEqual(list(found), list(want))
        one = nm.torch.compile(module, self.x)  # `scale` stays what it is without it
        self.near(one(self.x).y, module(self.x).y)
        for given, named, words in (((self.x,), {}, r"compiled for 2 arguments \(x, scale\), 1 are given"),
                                    ((self.x, scale, scale), {}, "3 are given"),
                                    ((self.x,), {"x": self.x}, "argument 'x' is given twice"),
                                    ((self.x,), {"z": self.x}, "argument 'z' is none of: x, scale"),
                                    ((self.x, 2.0), {}, "is float, expected a tensor")):
            with self.assertRaisesRegex(nm.Error, words):
                fast(*given, **named)
        with self.assertRaisesRegex(nm.Error, "the module returns NoneType; expected a tensor"):
            nm.torch.compile(Two(lambda a, b: None), self.x)

    def test_report_and_simulation(self):
        fast = nm.torch.compile(self.module, self.x, prune="2:4")
        self.assertEqual(fast.model.notes.count("pruned "), 2)
        self.assertIn("nm-raise", str(fast.model.report(self.x, repeat=1)))
        self.assertIn("cycles", nm.simulate(fast.model, "edge").data)

    def test_bf16(self):
        module, x = torch.nn.Linear(16, 8).to(torch.bfloat16), self.x.to(torch.bfloat16)
        found, want = nm.torch.compile(module, x)(x), module(x).detach()
        self.assertEqual(found.dtype, torch.bfloat16)
        # PyTorch rounds the product before it adds the bias: two roundings to 8 bits.
        bound = (x.float().abs() @ module.weight.float().abs().T + module.bias.float().abs()).max() * 2 ** -7
        self.assertLess((found.float() - want.float()).abs().max(), bound)

    def test_memory_is_shared(self):
        fast = nm.torch.compile(self.module, self.x)
        before = fast.model.only.copies
        fast(self.x)
        self.assertEqual(fast.model.only.copies, before)
        fast(torch.randn(16, 3).T)
        self.assertEqual(fast.model.only.copies, before + 1)

    def test_example_inputs_are_needed(self):
        with self.assertRaisesRegex(nm.Error, "give `example_inputs`"):
            nm.compile(self.module)


if __name__ == "__main__":
    unittest.main()
