# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Counts what a test of a tool expects, and says at once what was not so."""

import atexit

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


atexit.register(lambda: print(checks, "checks,", failed, "failed"))
