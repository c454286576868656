# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes sources for sizes.test: each has one line more than it may, or just as many.

usage: large.py FOLDER
"""

import pathlib
import sys

folder = pathlib.Path(sys.argv[1])


def body(lines, first="{", last="}"):
    """A body that makes a function of this many lines; its text is full of braces that are none."""
    filling = ["  use('{', \"}}\"); // }"] * (lines - 2)
    return "\n".join([first, *filling, last])


(folder / "Long.cpp").write_text("\n".join([
    "namespace {",
    "void plain() " + body(81),
    "void listed() " + body(81),
    "int fits(int x) " + body(80),
    "LogicalResult Class::member(ArrayRef<int> list) const " + body(81),
    "struct Inline {",
    "  explicit Inline(int x) : x(x) " + body(81),
    "  int x = 0;",
    "};",
    "template <typename T>\nstd::vector<std::pair<int, T>> templated(T t) " + body(80),
    "void withLambda() {",
    "  auto inner = [&](int x) " + body(79, last="  };"),
    "}",
    "constexpr int kTable[] = " + body(90, last="};"),
    "} // namespace",
    "",
]))
(folder / "Wide.h").write_text("\n".join([
    "class Functions {",
    "public:",
    *(f"  int f{number}(int a, int b) const;" for number in range(40)),
    "  int g() { return 0; }",
    "};",
    "struct Members {",
    *(f"  std::map<int, int> m{number} = {{}};" for number in range(24)),
    "  int a, b;",
    "};",
    "struct Both {",
    *(f"  int f{number}();" for number in range(39)),
    "  static int make();",
    *(f"  int m{number} = 0;" for number in range(25)),
    "  using Type = int;",
    "};",
    "struct Empty {};",
    "",
]))
