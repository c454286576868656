# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every relative link of the given pages, or of those below the given folders, leads to a file.

usage: check_links.py [--index PAGE]... <page or folder>...
With --index, PAGE links every page and schema below its folder, too."""

import pathlib
import re
import sys

LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")

arguments, indices = sys.argv[1:], []
while arguments and arguments[0] == "--index":
    indices.append(pathlib.Path(arguments[1]))
    del arguments[:2]


def links_of(page):
    return [link for link in LINK.findall(page.read_text()) if not re.match(r"[a-z]+:", link)]


pages = [page for argument in map(pathlib.Path, arguments)
         for page in (sorted(argument.rglob("*.md")) if argument.is_dir() else [argument])]
links = [(page, link) for page in pages for link in links_of(page)]
broken = [f"{page}: no {link}" for page, link in links if not (page.parent / link).exists()]
for index in indices:
    linked = {(index.parent / link).resolve() for link in links_of(index)}
    broken += [f"{index}: does not link {page}"
               for kind in ("*.md", "*.schema.json") for page in sorted(index.parent.rglob(kind))
               if page.resolve() not in linked and page != index]
print("\n".join(broken + [f"{len(pages)} pages, {len(links)} links, {len(broken)} broken"]))
sys.exit(1 if broken else 0)
