# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles a module for AArch64 and calls its functions, through their C interface, in programs that qemu runs."""

import subprocess

import numpy as np

from build import run
from dtypes import NUMPY

DRIVER = """#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
void _mlir_ciface_%(name)s(void *result, %(types)s);
static int64_t *load(const char *path, int64_t bytes, int rank, const int64_t *sizes) {
  int64_t *d = malloc((3 + 2 * rank) * 8), stride = 1;
  char *data = malloc(bytes + 1);
  FILE *file = fopen(path, "rb");
  if (!file || fread(data, 1, bytes, file) != (size_t)bytes)
    exit(2);
  fclose(file);
  d[0] = d[1] = (int64_t)data;
  d[2] = 0;
  for (int i = rank; i-- > 0; stride *= sizes[i]) {
    d[3 + i] = sizes[i];
    d[3 + rank + i] = stride;
  }
  return d;
}
int main(int argc, char **argv) {
  int64_t result[%(words)d];
%(loads)s
  _mlir_ciface_%(name)s(result, %(arguments)s);
  fwrite((char *)result[1] + result[2] * %(element)d, 1, %(bytes)d, stdout);
  return 0;
}
"""


def compile_emulated(path, options):
    """path.mlir -> path.o"""
    lowered = run(["nm-opt", path + ".mlir", "--nm-to-cpu=" + " ".join(filter(None, [options, "parallel=false"]))])
    with open(path + ".low.mlir", "w") as file:
        file.write(lowered)
    run(["mlir-translate", "--mlir-to-llvmir", "--allow-unregistered-dialect", path + ".low.mlir", "-o", path + ".ll"])
    run(["clang", "--target=aarch64-linux-gnu", "-O2", "-ffp-contract=off", "-w", "-c", path + ".ll", "-o", path + ".o"])
    return path


class EmulatedLibrary:
    def __init__(self, path):
        self.path = path

    def call(self, name, inputs, results):
        """As Library.call, for one result that is contiguous."""
        (shape, dtype), = results
        base = "%s.%s" % (self.path, name)
        loads = []
        for i, array in enumerate(inputs):
            array = np.ascontiguousarray(array)
            array.tofile("%s.%d" % (base, i))
            loads.append("  int64_t s%d[] = {%s};\n  int64_t *a%d = load(argv[%d], %d, %d, s%d);" % (
                i, ", ".join(map(str, array.shape)), i, i + 1, array.nbytes, array.ndim, i))
        item = np.dtype(NUMPY[dtype])
        with open(base + ".c", "w") as file:
            file.write(DRIVER % {
                "name": name, "types": ", ".join(["void *"] * len(inputs)), "words": 3 + 2 * len(shape),
                "loads": "\n".join(loads), "arguments": ", ".join("a%d" % i for i in range(len(inputs))),
                "element": item.itemsize, "bytes": int(np.prod(shape)) * item.itemsize})
        run(["aarch64-linux-gnu-gcc", "-static", "-O1", base + ".c", self.path + ".o", "-lm", "-o", base])
        done = subprocess.run(["qemu-aarch64", base, *("%s.%d" % (base, i) for i in range(len(inputs)))], capture_output=True)
        if done.returncode:
            raise RuntimeError("%s: exit status %d under qemu" % (name, done.returncode))
        return [np.frombuffer(done.stdout, item).reshape(shape)]
