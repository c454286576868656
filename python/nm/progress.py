# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a long run is doing: a line on a terminal, or in a notebook's cell."""

from __future__ import annotations

import sys
import time
from typing import Any, Callable, Optional, Union

#: Gets each text, and None when the run is over.
Show = Callable[[Optional[str]], None]

_chosen: Union[Show, bool, None] = None

#: Shorter runs show nothing, in seconds.
_DELAY = 0.5


def set_progress(show: Show | bool | None) -> None:
    """Whether long runs of tools show what they do. None, as it is at first: on terminals and in
    notebooks; True and False: always and never. A function is called with each text, and with None at
    the end of a run."""
    global _chosen
    _chosen = show


def _notebook() -> Any:
    """IPython's display module in a kernel, whose cells show objects; None elsewhere."""
    interactive = sys.modules.get("IPython")
    shell = interactive.get_ipython() if interactive else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from IPython import display
    return display


class _Terminal:
    def __call__(self, text: str | None) -> None:
        sys.stderr.write("\r\x1b[2K" + (text or ""))
        sys.stderr.flush()


class _Cell:
    """One output of a cell, which each text takes the place of."""

    def __init__(self, display: Any):
        self._display = display
        self._handle: Any = None

    def __call__(self, text: str | None) -> None:
        shown = {"text/plain": text or ""}
        if self._handle is None:
            self._handle = self._display.display(shown, raw=True, display_id=True)
        else:
            self._handle.update(shown, raw=True)


def _sink() -> Show | None:
    if callable(_chosen):
        return _chosen
    if _chosen is False:
        return None
    display = _notebook()
    if display is not None:
        return _Cell(display)
    return _Terminal() if _chosen or sys.stderr.isatty() else None


class Line:
    """The progress of one run. Its time goes on where the tool says nothing new."""

    def __init__(self) -> None:
        self._sink = _sink()
        self._start = time.monotonic()
        self._text = ""
        self._shown: str | None = None
        self._rest = b""

    @property
    def wanted(self) -> bool:
        """Whether anybody looks."""
        return self._sink is not None

    def take(self, data: bytes) -> None:
        """What a tool has written: a text a line, the last one counts."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if lines:
            self._text = lines[-1].decode(errors="replace")

    def show(self) -> None:
        """Shows the last text, if it is time to."""
        seconds = time.monotonic() - self._start
        if self._sink is None or seconds < _DELAY or not self._text:
            return
        text = f"{self._text}  {seconds:.0f} s"
        if text != self._shown:
            self._shown = text
            self._sink(text)

    def end(self) -> None:
        """Takes the line away: what follows is the answer."""
        if self._sink is not None and self._shown is not None:
            self._sink(None)
