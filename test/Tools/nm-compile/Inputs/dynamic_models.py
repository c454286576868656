# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models whose batch and lengths stay open, compiled and run at sizes that change.

Expected on one and on two threads: no allocation on any thread in the third run at a size, and in the second one at most
that of a block or two: results of the run before are there from its beginning. Where the program gives memory for the results, none
at any size up to the largest before, seen or not.

usage: dynamic_models.py COUNT_ALLOCATIONS FOLDER ONNX_INPUTS
"""

import os
import pathlib
import re
import subprocess
import sys

sys.path.append(sys.argv[3])
import transformers  # noqa: E402

SIZES = [24, 24, 9, 24, 9, 1, 17, 9, 24, 1, 17, 1, 17]
OF_A_BLOCK = 3  # the block, its memory and the count of who holds it


SMALLER = [24, 23, 5, 1, 16, 11, 24, 2]


def make(family):
    """A model's bytes; of the merged decoder, which takes the branch of False here, either is that."""
    # Layers give their memory to one another where there are two.
    sizes = transformers.Sizes(layers=2 if family == "llama" else 1, places=64)
    if family in ("prompt", "step"):
        data = transformers.gpt2(sizes, merged=True).data
        if family == "step":
            data = data.replace(b"then_branch", b"____branch_").replace(b"else_branch", b"then_branch").replace(b"____branch_", b"else_branch")
        return data
    return getattr(transformers, family)(sizes).data


def main():
    counter, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    tool = os.path.join(os.environ["NM_TOOLS"], "nm-compile")
    again, smaller, failures = 0, 0, 0
    for family in ("bert", "gpt2", "llama", "prompt", "step"):
        model = folder / f"{family}.onnx"
        model.write_bytes(make(family))
        library = folder / f"{family}.so"
        subprocess.run([tool, model, "--weights", folder / f"{family}.nmw", "-o", library], check=True, capture_output=True)
        for threads in (1, 2):
            run = subprocess.run([counter, library, str(threads), *map(str, SIZES)], check=True, capture_output=True, text=True)
            counts = [int(n) for n in re.findall(r"allocations (\d+)", run.stdout)]
            if len(counts) != len(SIZES) or counts[0] == 0:
                print(f"{family}: {len(counts)} runs, {counts[:1]} allocations in the first")
                failures += 1
            for i, (size, count) in enumerate(zip(SIZES, counts)):
                if size not in SIZES[:i]:
                    continue
                again += 1
                if count > (0 if SIZES[:i].count(size) > 1 else 2 * OF_A_BLOCK):
                    print(f"{family}, {threads} threads, run {i} at size {size}: {count} allocations")
                    failures += 1
            run = subprocess.run([counter, library, str(threads), "given", *map(str, SMALLER)], check=True, capture_output=True, text=True)
            counts = [int(n) for n in re.findall(r"allocations (\d+)", run.stdout)]
            if len(counts) != len(SMALLER) or counts[0] == 0:
                print(f"{family}: {len(counts)} runs, {counts[:1]} allocations in the first")
                failures += 1
            for size, count in list(zip(SMALLER, counts))[1:]:
                smaller += 1
                if count:
                    print(f"{family}, {threads} threads, size {size} after {SMALLER[0]}: {count} allocations")
                    failures += 1
    print(f"{smaller} runs at sizes below the largest, {failures} failures")
    print(f"{again} runs at sizes seen before, {failures} failures")


main()
