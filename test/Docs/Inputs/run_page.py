# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Executes the code blocks of a page of documentation: run_page.py PAGE FOLDER [--without=MODULE].

    ```mlir file=NAME   is written to FOLDER/NAME
    ```sh               runs in FOLDER, all blocks in the same order as on the page
    ```python run       is run by this Python
    ```text             right after it, is what it prints; `...` stands for anything
    ```sh needs=MODULE  runs where this Python has the module; what it prints is not compared elsewhere
    ```sh skip          is not run
"""

import difflib
import importlib.util
import pathlib
import re
import subprocess
import sys

BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def matches(expected, actual):
    parts = [re.escape(" ".join(part.split())).replace(r"\ ", " ") for part in expected.split("...")]
    # Spaces next to a `...` belong to it.
    pattern = " ?.* ?".join(parts)
    return re.fullmatch(pattern, " ".join(actual.split()))


def has(module):
    return f"--without={module}" not in sys.argv and importlib.util.find_spec(module) is not None


def main():
    page, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    output, ran, compared, skipped = None, 0, 0, 0
    text = page.read_text()
    for block in BLOCK.finditer(text):
        language, _, argument = block[1].partition(" ")
        body, line = block[2], text.count("\n", 0, block.start()) + 1
        if argument.startswith("file="):
            (folder / argument.removeprefix("file=")).write_text(body)
        elif argument.startswith("needs=") and not has(argument.removeprefix("needs=")):
            output, skipped = None, skipped + 1
        elif language == "sh" and argument != "skip":
            run = subprocess.run(["bash", "-euo", "pipefail", "-c", body], cwd=folder, text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if run.returncode:
                sys.exit(f"{page}:{line}: exit status {run.returncode} of\n{body}\n{run.stdout}")
            output, ran = run.stdout, ran + 1
        elif language == "python" and argument == "run":
            run = subprocess.run([sys.executable, "-c", body], cwd=folder, text=True, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT)
            if run.returncode:
                sys.exit(f"{page}:{line}: exit status {run.returncode} of\n{body}\n{run.stdout}")
            output, ran = run.stdout, ran + 1
        elif language == "text" and output is not None:
            if not matches(body, output):
                delta = difflib.unified_diff(body.splitlines(), output.splitlines(), "the page",
                                             "the command", lineterm="")
                sys.exit(f"{page}:{line}: the output is another\n" + "\n".join(delta))
            output, compared = None, compared + 1
    print(f"{page.name}: {ran} blocks ran, {compared} outputs compared"
          + (f", {skipped} blocks need modules that are not there" if skipped else ""))


main()
