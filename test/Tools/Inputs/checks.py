# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Counts what a test of a tool expects, and says at once what was not so."""

import atexit
import os
import sys

failed = checks = 0


def check(good, what, result=None):
    """One expectation; result: the completed process that it is of, shown where it fails."""
    global failed, checks
    checks += 1
    if good:
        return
    failed += 1
    print("FAILED:", what)
    if result is not None:
        text = result.stderr if isinstance(result.stderr, str) else result.stderr.decode(errors="replace")
        print("  exit", result.returncode, text[:1500])


def begin():
    """Goes into the folder that the command line names, which is made; a generator of NumPy by $NM_SEED."""
    import numpy

    os.makedirs(sys.argv[1])
    os.chdir(sys.argv[1])
    seed = int(os.environ.get("NM_SEED", "1"))
    print("seed", seed)
    return numpy.random.default_rng(seed)


atexit.register(lambda: print(checks, "checks,", failed, "failed"))
