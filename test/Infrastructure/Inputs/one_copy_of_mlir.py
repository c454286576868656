# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks the binaries of a build: usage one_copy_of_mlir.py BUILD-FOLDER.

Each executable that uses MLIR takes it from libMLIR.so and defines none of it; none has the runtime
library twice, and that library needs neither LLVM nor MLIR.
"""

import os
import pathlib
import subprocess
import sys

# One function that every static archive user would pull in, for each of the two libraries.
CORE_SYMBOLS = ["mlir::MLIRContext::MLIRContext(", "llvm::raw_ostream::write("]


def libraries(path):
    ldd = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout
    return {line.split()[0].split(".so")[0] for line in ldd.splitlines() if ".so" in line}


def defined_symbols(path):
    return subprocess.run(["llvm-nm", "-C", "--defined-only", path], capture_output=True,
                          text=True, check=True).stdout


def main():
    build = pathlib.Path(sys.argv[1])
    runtime = build / "lib" / "libnm_runtime.so"
    executables = [path for folder in ("bin", "unittests/bin") for path in
                   sorted((build / folder).glob("*")) if path.is_file() and os.access(path, os.X_OK)]
    failures, with_mlir = [], 0
    for path in executables:
        needed = libraries(path)
        symbols = defined_symbols(path)
        if "libMLIR" in needed:
            with_mlir += 1
        elif " mlir::" in symbols:
            failures.append(f"{path} does not take MLIR from libMLIR.so")
        failures += [f"{path} defines {symbol}...): a second copy"
                     for symbol in CORE_SYMBOLS if symbol in symbols]
        # The static one and the shared one would each have their own threads and tables.
        if "libnm_runtime" in needed and "nm::rt::setNumThreads(" in symbols:
            failures.append(f"{path} has two copies of the runtime library")
    if runtime.exists():
        failures += [f"{runtime} depends on {library}" for library in libraries(runtime)
                     if library.startswith(("libMLIR", "libLLVM"))]
    else:
        failures.append(f"there is no {runtime}")
    for failure in failures:
        print(failure)
    print(f"{len(executables)} executables, {with_mlir} with MLIR, {len(failures)} failures")


main()
