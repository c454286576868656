# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Times optimizer steps of recipes against torch's and against a copy of the same bytes.

One process, interleaved, medians. Results are checked before they are timed: the dense recipe
against torch's Adam, masks against topk.
"""

import argparse
import json
import statistics
import sys
import time

import torch

import nm
import nm.torch

#: Recipe, and the bytes of an element that a step must move: weights, gradient, moments, effective
#: weights and one bit of mask, each read or written.
RECIPES = {
    "dense": ("dense", 4 * (2 + 1 + 2 + 2)),
    "sr-ste": ("sr-ste", 4 * (2 + 1 + 2 + 2 + 1) + 2 / 8),
    "step, dense phase": ({"method": "step", "switch": {"clip": None, "threshold": 0}},
                          4 * (2 + 1 + 2 + 2)),
    "step, masks": ({"method": "step", "switch": {"at": 1}}, 4 * (2 + 1 + 2 + 1 + 1) + 1 / 8),
    "step, masks, lambda": ({"method": "step", "switch": {"at": 1}, "lambda": 2e-4},
                            4 * (2 + 1 + 2 + 1 + 1) + 2 / 8),
    "asp": ("asp", 4 * (2 + 1 + 2 + 2) + 1 / 8),
    "mask-decay": ({"method": "mask-decay", "decay": {"shape": "exponential", "rate": 1e-4}},
                   4 * (2 + 1 + 2 + 2 + 1) + 1 / 8),
    "structure-decay": ({"method": "structure-decay", "steps": 1000},
                        4 * (2 + 1 + 2 + 2 + 1) + 1 / 8),
    "s-ste": ("s-ste", 4 * (2 + 1 + 2 + 2 + 1) + 1 / 8),
}


def parameter(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    tensor = torch.nn.Parameter(torch.randn(count // 1024, 1024, generator=generator) * 0.02)
    tensor.grad = torch.randn(count // 1024, 1024, generator=generator) * 1e-3
    return tensor


class PlainlyMasked:
    """torch's Adam as a training loop would write it: the mask anew in each step by topk."""

    def __init__(self, tensor, n, m):
        self.dense = tensor
        self.n, self.m = n, m
        self.adam = torch.optim.Adam([tensor])
        self.effective = torch.empty_like(tensor)

    @torch.no_grad()
    def step(self):
        self.adam.step()
        groups = self.dense.view(-1, self.m)
        kept = groups.abs().topk(self.n, dim=1, sorted=False).indices
        mask = torch.zeros_like(groups).scatter_(1, kept, 1.0)
        torch.mul(groups, mask, out=self.effective.view(-1, self.m))


class Copy:
    """Moves a number of bytes: half of them read, half written."""

    def __init__(self, moved):
        self.source = torch.ones(int(moved / 2 / 4))
        self.target = torch.zeros_like(self.source)

    def step(self):
        self.target.copy_(self.source)


def check(count):
    ours, theirs = parameter(count), parameter(count)
    optimizer = nm.torch.StepAdam([ours], recipe="dense")
    other = torch.optim.Adam([theirs])
    masked = parameter(count)
    sparse = nm.torch.StepAdam([masked], recipe="sr-ste", pattern="2:4")
    for _ in range(3):
        optimizer.step()
        other.step()
        sparse.step()
    difference = (torch.norm(ours - theirs) / torch.norm(theirs)).item()
    if difference > 1e-6:
        sys.exit(f"error: dense differs from torch's Adam by {difference}, expected at most 1e-6")
    kept = sparse.weights(masked).view(-1, 4).abs().topk(2, dim=1).indices
    expected = torch.zeros(kept.shape[0], 4, dtype=torch.bool).scatter_(1, kept, True)
    wrong = (sparse.mask(masked).view(-1, 4) != expected).any(1).sum().item()
    if wrong > count * 1e-4:  # ties, which topk breaks as it likes
        sys.exit(f"error: {wrong} groups have another mask than topk gives")


def measure(steps, repeats):
    """Medians of the seconds that each takes, in turn."""
    times = {name: [] for name in steps}
    for step in steps.values():
        step()
        step()
    for _ in range(repeats):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def run(count, threads, pattern, repeats, peers, recipes):
    n, m = (int(part) for part in pattern.split(":"))
    nm.set_num_threads(threads)
    torch.set_num_threads(threads)
    rows = []
    for name in recipes:
        recipe, element = RECIPES[name]
        tensor = parameter(count)
        optimizer = nm.torch.StepAdam([tensor], recipe=recipe,
                                      pattern=None if recipe == "dense" else pattern)
        steps = {"nm": optimizer.step, "copy": Copy(element * count).step}
        if peers:
            steps["adam"] = torch.optim.Adam([parameter(count, 1)]).step
            steps["foreach"] = torch.optim.Adam([parameter(count, 2)], foreach=True).step
            steps["masked"] = PlainlyMasked(parameter(count, 3), n, m).step
        medians = measure(steps, repeats)
        rows.append({"recipe": name, "pattern": pattern, "parameters": count, "threads": threads,
                     "bytes": element * count,
                     **{key: value * 1e3 for key, value in medians.items()}})
        del steps, optimizer, tensor
        ratio = medians["nm"] / medians["copy"]
        line = f"{name:22} {medians['nm'] * 1e3:9.2f} ms  {element:6.2f} B  x copy {ratio:5.2f}"
        if peers:
            line += "".join(f"  x {key} {medians['nm'] / medians[key]:5.2f}"
                            for key in ("adam", "foreach", "masked"))
        print(line, flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a million parameters, few repeats")
    parser.add_argument("--parameters", type=int, action="append", help="in place of 10M and 100M")
    parser.add_argument("--threads", type=int, action="append", help="in place of 1 and 2")
    parser.add_argument("--pattern", default="2:4", help="N:M (default 2:4)")
    parser.add_argument("--recipe", action="append", choices=sorted(RECIPES), help="in place of all")
    parser.add_argument("--kernels", help="a set of kernels in place of the best (avx2, portable, ...)")
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument("--no-peers", action="store_true", help="without torch's optimizers")
    parser.add_argument("--json", help="also write the figures here")
    arguments = parser.parse_args()
    sizes = arguments.parameters or ([1 << 20] if arguments.quick else [10 << 20, 100 << 20])
    repeats = min(arguments.repeats, 3) if arguments.quick else arguments.repeats
    if arguments.kernels:
        nm.choose_kernels(arguments.kernels)
    check(1 << 18)
    rows = []
    for count in sizes:
        for threads in arguments.threads or [1, 2]:
            print(f"{count / 2**20:.4g}M parameters, {threads} thread{'s' * (threads != 1)}, "
                  f"{arguments.pattern}; kernels {arguments.kernels or nm.kernels()[0]}")
            rows += run(count, threads, arguments.pattern, repeats, not arguments.no_peers,
                        arguments.recipe or RECIPES)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
