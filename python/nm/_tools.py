# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""nm's tools as subprocesses: found, run, and their messages as exceptions."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
from typing import Iterator, NamedTuple

from nm._runtime import Error


class Done(NamedTuple):
    """What a tool wrote."""
    out: str
    notes: str


def _folders() -> Iterator[pathlib.Path]:
    given = os.environ.get("NM_TOOLS")
    if given:
        yield pathlib.Path(given)
        return
    here = pathlib.Path(__file__).resolve()
    yield here.parent / "bin"
    yield here.parents[2] / "build/release/bin"


def find(name: str) -> str:
    """The path of a tool: in $NM_TOOLS, in this package, in the build it lies in, or in PATH."""
    for folder in _folders():
        path = folder / name
        if os.access(path, os.X_OK):
            return str(path)
    found = shutil.which(name)
    if found and "NM_TOOLS" not in os.environ:
        return found
    raise Error(f"{name} is not there; install nm's tools, or name their folder in NM_TOOLS")


def message_of(name: str, code: int, errors: str) -> str:
    """The tool's own words, without the word "error" before them."""
    text = errors.strip()
    begin = text.find("error: ")
    if begin >= 0:
        # Diagnostics stand behind a place of the source, which stays.
        line = text.rfind("\n", 0, begin) + 1
        return text[line:begin] + text[begin + len("error: "):]
    return text or f"{name} ended with code {code}"


def run(name: str, *arguments: str | os.PathLike[str], stdin: str | None = None) -> Done:
    """Runs a tool to its end. Raises Error with its message; an exception such as KeyboardInterrupt
    ends the tool first."""
    command = [find(name), *(os.fspath(argument) for argument in arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          errors="replace") as process:
        try:
            out, errors = process.communicate(stdin)
        except BaseException:
            process.terminate()
            process.wait()
            raise
    if process.returncode:
        raise Error(message_of(name, process.returncode, errors))
    return Done(out, errors)
