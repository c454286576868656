# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Reports of tools as HTML for notebooks: single values in one table, each list of records in one that
unfolds, with a bar where a column holds milliseconds or cycles."""

from __future__ import annotations

import html
from typing import Any, Mapping, Sequence

_BARS = ("ms", "busy", "seconds")


def text(value: Any) -> str:
    """A value as a cell shows it."""
    if value is None:
        return ""
    if isinstance(value, float):
        value = f"{value:.4g}"
    elif isinstance(value, (list, tuple)):
        value = " × ".join(map(str, value)) if all(isinstance(v, (int, float)) for v in value) else \
            ", ".join(map(str, value))
    elif isinstance(value, Mapping):
        value = ", ".join(f"{key} {_plain(entry)}" for key, entry in value.items())
    return html.escape(str(value))


def _plain(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _is_records(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) > 0 and all(isinstance(v, Mapping) for v in value)


def _cell(value: Any, largest: float) -> str:
    if largest <= 0 or not isinstance(value, (int, float)):
        align = ' style="text-align:right"' if isinstance(value, (int, float)) else ' style="text-align:left"'
        return f"<td{align}>{text(value)}</td>"
    part = max(0.0, 100 * value / largest)
    return (f'<td style="text-align:right;background:linear-gradient(to right,#4c78a844 {part:.1f}%,'
            f'transparent {part:.1f}%)">{text(value)}</td>')


def table(records: Sequence[Mapping[str, Any]]) -> str:
    """Records as rows, their fields as columns in the order in which they come."""
    columns = list(dict.fromkeys(key for record in records for key in record))
    largest = {}
    for column in columns:
        values: list[Any] = [record.get(column) for record in records]
        bars = column in _BARS and all(isinstance(value, (int, float)) for value in values)
        largest[column] = float(max(values, default=0)) if bars else 0.0
    head = "".join(f"<th>{html.escape(str(column))}</th>" for column in columns)
    rows = "".join("<tr>" + "".join(_cell(record.get(column), largest[column]) for column in columns) + "</tr>"
                   for record in records)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _fields(fields: Mapping[str, Any]) -> str:
    rows = "".join(f'<tr><th style="text-align:left">{html.escape(str(name))}</th>'
                   f'<td style="text-align:left">{text(value)}</td></tr>' for name, value in fields.items())
    return f"<table><tbody>{rows}</tbody></table>"


def folded(title: str, body: str) -> str:
    """What unfolds under a title."""
    return f"<details><summary>{html.escape(title)}</summary>{body}</details>"


def pre(words: str) -> str:
    """Text as it is."""
    return f"<pre>{html.escape(words)}</pre>"


def report(words: str, data: Any) -> str:
    """A report's data; below, folded, the words of the tool."""
    if _is_records(data):
        return table(data) + folded("as text", pre(words))
    if not isinstance(data, Mapping):
        return pre(words)
    lists = {name: value for name, value in data.items() if _is_records(value)}
    single = {name: value for name, value in data.items()
              if name not in lists and value is not None and value != [] and value != {}}
    parts = [_fields(single)] if single else []
    parts += [folded(f"{name} ({len(value)})", table(value)) for name, value in lists.items()]
    parts.append(folded("as text", pre(words)))
    return "".join(parts)
