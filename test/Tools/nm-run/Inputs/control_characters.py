# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Names with control characters, of files and in modules: no tool passes them on to a terminal."""

import concurrent.futures
import os
import re
import subprocess
import sys

os.makedirs(sys.argv[1], exist_ok=True)
os.chdir(sys.argv[1])
ESCAPE = "\x1b[31m"
KIND = "tensor<4xf32>"
MODULES = {
    "syntax": "func.func @f() {\n  foo.bar\n}\n",
    "callee": f'func.func @f(%x: {KIND}) -> {KIND} {{\n  %r = func.call @"c\\1B[31m"(%x) : ({KIND}) -> {KIND}\n'
              f"  return %r : {KIND}\n}}\n",
    "location": f'func.func @f(%x: {KIND}) -> {KIND} {{\n  %r = func.call @c(%x) : ({KIND}) -> {KIND} '
                f'loc("a\\1B[31m":1:2)\n  return %r : {KIND}\n}}\n',
    "function": f'func.func @"f\\1B[31m"(%x: {KIND}) -> {KIND} {{\n  %r = nm.param "p\\1B[31m" : {KIND}\n'
                f"  return %r : {KIND}\n}}\n",
}
COMMANDS = [["nm-opt"], ["nm-opt", "--nm-to-cpu"], ["nm-run"], ["nm-compile", "--emit=llvm"],
            ["nm-run", "--target=edge", "--timing-only"], ["nm-translate", "--mlir-to-llvmir"], ["nm-pifo"]]
failed = refused = shown = 0
for name, text in MODULES.items():
    for path in [name + ".mlir", name + ESCAPE + ".mlir"]:
        with open(path, "w") as file:
            file.write(text)
        for command in COMMANDS:
            result = subprocess.run([*command, path], capture_output=True, timeout=60)
            refused += result.returncode == 1
            shown += rb"\x1b[31m" in result.stderr
            bad = [byte for byte in result.stderr if byte < 32 and byte != 10 or byte == 127]
            if bad or result.returncode not in (0, 1):
                failed += 1
                print("FAILED:", command, path.encode(), result.returncode, result.stderr)
# A file that is not there, whose name has a second line that looks like a message of its own.
for command in [["nm-opt"], ["nm-run"], ["nm-compile", "-o", "x.so"], ["nm-translate", "--import-onnx"], ["nm-sim"],
                ["nm-inspect"], ["nm-run", "callee.mlir", "--params"], ["nm-pifo", "callee.mlir"]]:
    result = subprocess.run([*command, "none\nerror: all is lost"], capture_output=True, timeout=60)
    if result.returncode != 1 or b"\nerror: all is lost" in result.stderr:
        failed += 1
        print("FAILED:", command, result.returncode, result.stderr)
# Such a value of each option of each tool; those that are a path are one that cannot be written.
# Those of nm-opt, and MLIR's own, LLVM reads.
TOOLS = {"nm-run": [], "nm-compile": [], "nm-translate": [], "nm-sim": [], "nm-inspect": [],
         "nm-pifo": [], "nm-explore": ["--length=128"]}
SPOILT = "none\nerror: all is lost/x"


def misled(command):
    result = subprocess.run(command, capture_output=True, timeout=60, stdin=subprocess.DEVNULL)
    lost = b"\nerror: all is lost" in result.stderr + result.stdout
    if lost:
        print("FAILED:", command, result.returncode, result.stderr)
    return lost


commands = []
for tool, rest in TOOLS.items():
    text = subprocess.run([tool, "--help"], capture_output=True, text=True, check=True).stdout
    options = sorted(set(re.findall(r"^ +(?:-\w, )?(--(?!mlir-|verify-diagnostics)[a-z][a-z-]*)[= ]<", text, re.M)))
    print(tool, len(options), "options with a value")
    failed += not options
    commands += [[tool, *rest, f"{option}={SPOILT}"] for option in options]
# Of a sweep that stops, and one that goes on.
os.makedirs("none\nerror: all is lost", exist_ok=True)
commands += [["nm-explore", "--length=128,256", "--stop-after=1", "--output", SPOILT],
             ["nm-explore", "--length=128", "--resume", "--output", "none\nerror: all is lost"]]
with concurrent.futures.ThreadPoolExecutor(2) as pool:
    failed += sum(pool.map(misled, commands))
print(f"{refused} refused, {shown} with an escaped name, {failed} failed")
sys.exit(bool(failed) or shown < 20)
