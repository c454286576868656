# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""nm's tools as subprocesses: found, run, and their messages as exceptions."""

from __future__ import annotations

import os
import pathlib
import selectors
import shutil
import subprocess
from typing import Iterator, NamedTuple

from nm._runtime import Error
from nm._types import PathLike
from nm.progress import Line


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
    if here.parents[1].name == "dist-packages":  # installed: <prefix>/lib/python3/dist-packages/nm
        yield here.parents[4] / "bin"


def find(name: str) -> str:
    """The path of a tool: in $NM_TOOLS, in this package, in the build or the installation it lies in, or in PATH."""
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


def run(name: str, *arguments: PathLike) -> Done:
    """Runs a tool to its end, with a line of progress (nm.set_progress). Raises Error with its message; an
    exception such as KeyboardInterrupt ends the tool first."""
    command = [find(name), *(os.fspath(argument) for argument in arguments)]
    line = Line()
    progress, given = os.pipe()
    try:
        environment = {**os.environ, "NM_PROGRESS_FD": str(given)} if line.wanted else None
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=environment, pass_fds=(given,))
        os.close(given)
        given = -1
        with process:
            try:
                out, errors = _read(process, progress, line)
            except BaseException:
                _end(process)
                raise
            finally:
                line.end()
    finally:
        os.close(progress)
        if given >= 0:
            os.close(given)
    if process.returncode:
        raise Error(message_of(name, process.returncode, errors))
    return Done(out, errors)


def _read(process: subprocess.Popen[bytes], progress: int, line: Line) -> tuple[str, str]:
    """What the tool writes to its outputs, until it ends."""
    assert process.stdout is not None and process.stderr is not None
    parts: dict[int, list[bytes]] = {process.stdout.fileno(): [], process.stderr.fileno(): []}
    with selectors.DefaultSelector() as selector:
        for descriptor in (*parts, progress):
            selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select(timeout=1.0):
                data = os.read(key.fd, 1 << 16)
                if not data:
                    selector.unregister(key.fd)
                elif key.fd == progress:
                    line.take(data)
                else:
                    parts[key.fd].append(data)
            line.show()
    process.wait()
    out, errors = (b"".join(part).decode(errors="replace") for part in parts.values())
    return out, errors


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
