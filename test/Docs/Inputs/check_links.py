# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every relative link of the given pages, or of those below the given folders, leads to a file."""

import pathlib
import re
import sys

LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")

pages = [page for argument in map(pathlib.Path, sys.argv[1:])
         for page in (sorted(argument.rglob("*.md")) if argument.is_dir() else [argument])]
links = [(page, link) for page in pages for link in LINK.findall(page.read_text())
         if not re.match(r"[a-z]+:", link)]
broken = [f"{page}: no {link}" for page, link in links if not (page.parent / link).exists()]
print("\n".join(broken + [f"{len(pages)} pages, {len(links)} links, {len(broken)} broken"]))
sys.exit(1 if broken else 0)
