# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes docs/reproduction/machines.md. See scripts/reproduce."""

import json
import os
import re
import subprocess
import sys
import tempfile

from sweeps import length_name, markdown, options_of_pages

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COMMITTED = os.path.join(ROOT, "docs", "reproduction")

# (tokens, in, out, how many) of each product. ResNet-50 for an image of 224 x 224 (He et al., CVPR 2016, table 1), a
# convolution as the product of its windows.
RESNET = [(112 * 112, 7 * 7 * 3, 64, 1), (56 * 56, 64, 64, 1), (56 * 56, 576, 64, 3), (56 * 56, 64, 256, 4),
          (56 * 56, 256, 64, 2), (56 * 56, 256, 128, 1), (28 * 28, 1152, 128, 4), (28 * 28, 128, 512, 4),
          (28 * 28, 256, 512, 1), (28 * 28, 512, 128, 3), (28 * 28, 512, 256, 1), (14 * 14, 2304, 256, 6),
          (14 * 14, 256, 1024, 6), (14 * 14, 512, 1024, 1), (14 * 14, 1024, 256, 5), (14 * 14, 1024, 512, 1),
          (7 * 7, 4608, 512, 3), (7 * 7, 512, 2048, 3), (7 * 7, 1024, 2048, 1), (7 * 7, 2048, 512, 2),
          (1, 2048, 1000, 1)]
RESNET_MACS = sum(t * i * o * n for t, i, o, n in RESNET)

# Device, workload, products, pattern of the weights, published share of the peak, and why it is what it is.
PRODUCTS = [
    ("tpu-v1", "MLP0: 5 layers of 2000 x 2000, batch 200", [(200, 2000, 2000, 5)], None, 100 * 12.3 / 92,
     "both wait for weights; activations, a fifth of the bytes here, stay on chip there"),
    ("tpu-v1", "MLP1: 4 layers of 1118 x 1118, batch 168", [(168, 1118, 1118, 4)], None, 100 * 9.7 / 92,
     "as MLP0: a quarter of the bytes here are activations"),
    ("tpu-v1", "LSTM0: 24 products of 1472 x 1472, batch 64", [(64, 1472, 1472, 24)], None, 100 * 3.7 / 92,
     "both wait for weights; activations here take what vector operators between the products take there"),
    ("tpu-v1", "LSTM1: 37 products of 959 x 959, batch 96", [(96, 959, 959, 37)], None, 100 * 2.8 / 92,
     "many of its matrices are of 600 x 600, which fill 256 x 256 by 61 %, and it has 19 layers of vectors; only the sum of its weights is published, which is cut evenly here"),
    ("tpu-v1", "CNN0: 14 convolutions of 3 x 3, 256 to 256, on 19 x 19, batch 8", [(8 * 361, 2304, 256, 14)], None, 100 * 86.0 / 92,
     "there activations never leave the chip, and windows are made of them; here a convolution is the product of its windows, which come from DRAM, nine times the input, and are the bound"),
    ("gemmini", "ResNet-50, one image", RESNET, None, 100 * 22.8 * RESNET_MACS / 256e9,
     "22.8 images a second. Here the array is the bound, even with windows from DRAM; there page walks, a cache that others use, the host that issues each instruction, and additions and poolings between the layers, which the paper is about"),
    ("ethos-u85", "ResNet-50, one image, dense", RESNET, None, 85.0,
     "\"up to 85 %\" on popular networks that are not named; blocks of results that do not divide a layer are not described here"),
    ("ethos-u85", "ResNet-50, one image, 2:4", RESNET, "2:4", None,
     "twice the throughput is claimed, no utilisation. Of the peak of dense products: layers with many windows and few outputs wait for DRAM at twice the speed, and the first one, whose inputs are no multiple of four, stays dense"),
]

# FlashAttention-3, forward, f16, head width 128, 16 heads and 16K tokens in all: TFLOPS by length, of 989.4.
ATTENTION = [(512, 430.3), (1024, 517.1), (2048, 565.5), (4096, 590.2), (8192, 614.2), (16384, 620.7)]
H100_TFLOPS = 989.4


class Tools:
    def __init__(self, explore, work):
        self.explore, self.work = explore, work
        self.run = os.path.join(os.path.dirname(explore), "nm-run")
        self.known = {}

    def twin(self, name):
        """The machine with elements of 16 bits, which programs have: all bytes, and what moves them, are doubled."""
        path = os.path.join(self.work, f"{name}-16.json")
        if not os.path.exists(path):
            with open(os.path.join(ROOT, "devices", f"{name}.json")) as file:
                device = json.load(file)
            device["element_bits"] *= 2
            device["name"] += "-16"
            for memory, fields in (("dram", ("bytes_per_second", "burst_bytes")),
                                   ("scratchpad", ("bytes_per_second", "bytes"))):
                for field in fields:
                    device[memory][field] *= 2
            with open(path, "w") as file:
                json.dump(device, file)
        return path

    def product(self, name, tokens, size, out, pattern):
        """Cycles of the closed form and of the simulator."""
        key = (name, tokens, size, out, pattern)
        if key in self.known:
            return self.known[key]
        sparsity = f' {{nm.sparsity = #nm.sparsity<{pattern}, axis = 1>}}' if pattern and size % 4 == 0 else ""
        x, w, y = f"tensor<{tokens}x{size}xf32>", f"tensor<{out}x{size}xf32>", f"tensor<{tokens}x{out}xf32>"
        text = f"""func.func @product(%x: {x}) -> {y} {{
  %w = nm.param "w"{sparsity} : {w}
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : {y}
  %f = linalg.fill ins(%zero : f32) outs(%e : {y}) -> {y}
  %t = tensor.empty() : tensor<{size}x{out}xf32>
  %wt = linalg.transpose ins(%w : {w}) outs(%t : tensor<{size}x{out}xf32>) permutation = [1, 0]
  %p = linalg.matmul ins(%x, %wt : {x}, tensor<{size}x{out}xf32>) outs(%f : {y}) -> {y}
  return %p : {y}
}}
"""
        file = os.path.join(self.work, "product.mlir")
        with open(file, "w") as stream:
            stream.write(text)
        report = os.path.join(self.work, "report.json")
        found = subprocess.run([self.run, file, f"--target={self.twin(name)}", "--timing-only", f"--json={report}",
                                "--remarks-filter=tile-block-products"], capture_output=True, text=True)
        if found.returncode:
            sys.exit(f"error: {file}: {found.stderr}")
        predicted = float(re.search(r"cycles=(\d+)", found.stdout + found.stderr).group(1))
        with open(report) as stream:
            self.known[key] = predicted, json.load(stream)["cycles"]
        return self.known[key]

    def attention(self, length):
        command = ["map", "--device=h100-sm", "--model=two:2:256:128:1024", f"--length={length}", "--batch=1", "--keep=1",
                   "--simulate"]
        text = subprocess.run([self.explore, *command], check=True, stdout=subprocess.PIPE, text=True).stdout
        row = re.search(r"^ *(\d+) +.*?(\d+) \([+-][0-9.]+ %\)", text, re.M)
        return (float(row.group(1)), float(row.group(2))), "nm-explore " + " ".join(command)


def percent(value):
    return f"{value:.1f} %"


def row(machine, workload, published, macs, rate, cycles, why):
    model, simulated = (100 * macs / rate / c for c in cycles)
    return [machine, workload, percent(published) if published else "none", percent(model), percent(simulated), why]


def page(tools, quick):
    rows, products = [], PRODUCTS[:1] + PRODUCTS[-1:] if quick else PRODUCTS
    for name, workload, layers, pattern, published, why in products:
        with open(os.path.join(ROOT, "devices", f"{name}.json")) as file:
            array = json.load(file)["array"]
        cycles = [0, 0]
        for tokens, size, out, count in layers[:2] if quick else layers:
            for i, c in enumerate(tools.product(name, tokens, size, out, pattern)):
                cycles[i] += count * c
        macs = sum(t * i * o * n for t, i, o, n in (layers[:2] if quick else layers))
        rows.append(row(name, workload, published, macs, array["rows"] * array["cols"], cycles, why))
    attention = []
    for length, tflops in ATTENTION[:1] if quick else ATTENTION:
        cycles, command = tools.attention(length)
        macs = 2 * 2 * length * length * 128
        attention.append([length_name(length), percent(100 * tflops / H100_TFLOPS)]
                         + [percent(100 * macs / 2048 / c) for c in cycles])
    return TEXT.format(products=markdown(["machine", "workload", "published", "closed form", "simulator", "why they differ"], rows),
                       attention=markdown(["length", "published", "closed form", "simulator"], attention), command=command)


TEXT = """# Machines as they are: published utilisations

<!-- Written by scripts/reproduce machines. -->

Four machines with public descriptions, how much of their peak their makers or users report, and how much the [cost model](../model.md) and the [simulator](../simulator.md) say of the
same work. [`devices`](../../devices) has their descriptions, each with its sources and what it leaves out: [`tpu-v1`](../../devices/tpu-v1.json), [`gemmini`](../../devices/gemmini.json),
[`ethos-u85`](../../devices/ethos-u85.json) and [`h100-sm`](../../devices/h100-sm.json). Nothing in them was fitted to these figures. All rows: `scripts/reproduce machines`; a test runs a part of it and compares this page.

## Products

Programs have elements of 16 bits; the machines of eight are run with all bytes doubled, memories and bandwidths too. Shares are useful MACs of the array's peak (of dense products). Layers follow one another, each from DRAM to DRAM.

{products}
Published: TPU, Jouppi et al., ISCA 2017, table 3 (operations a second of 92 T; weights, layers and batches from table 1, cut evenly), Gemmini, Genc et al., DAC 2021 (images a second at 1 GHz), Ethos-U85, Arm's announcement of April 2024. One product, here of the first row:

```
nm-run product.mlir --target=tpu-v1-16.json --timing-only --json=report.json --remarks-filter=tile-block-products
```

with the weight as `nm.param "w" : tensor<2000x2000xf32>` and an input of `tensor<200x2000xf32>`; the remark's `cycles` are the closed form's, the report's the simulator's. `scripts/lib/reproduce_machines.py` writes both files.

## Attention on an H100

FlashAttention-3 (Shah et al., arXiv 2407.08608) forward in f16, heads of width 128, 16 heads and 16K tokens in all, no mask: TFLOPS measured by PyTorch's benchmark (pytorch/benchmark, pull request 2391), of 989.4. Here two heads on one multiprocessor:

{attention}
For the last row: `{command}`.

Why they differ: the closed form and the simulator let products, softmax and transfers of different tiles overlap freely, and their clock never falls. FlashAttention-3 overlaps the softmax of one warp group with the products of another and not all of it
(its own ablation: 570 and 582 TFLOPS with one of its two ways of overlapping, 661 with both); the chip lowers its clock under such load, which the peak of 989.4 at 1830 MHz does not know; and short sequences leave multiprocessors without work, for blocks of 128 queries do not divide evenly among
132, while here each is busy to the end. The exponentials alone, 16 a cycle, take half of the products' time, and with maxima, sums and scales eleven sixteenths: no bound in any of the three.
"""


def main():
    options = options_of_pages()
    with tempfile.TemporaryDirectory() as work:
        text = page(Tools(getattr(options, "nm_explore"), work), options.quick)
    path = os.path.join(options.output or COMMITTED, "machines.md")
    if options.check:
        with open(path) as file:
            if file.read() != text:
                sys.exit("error: docs/reproduction/machines.md is not what model and simulator say; run scripts/reproduce machines")
        print("docs/reproduction/machines.md is what model and simulator say")
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    print("wrote", path)


if __name__ == "__main__":
    main()
