# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Looks at an installation.

usage: installed.py files <prefix>                   its files, one a line
       installed.py paths <prefix> <path>...         files that name one of the paths, and how many there are
       installed.py pkg-config <source> <program> [<flag>...]  compiles with what pkg-config says of nm-runtime
       installed.py python                           where the package, its library and its tools are
"""

import pathlib
import shlex
import subprocess
import sys


def files(prefix):
    root = pathlib.Path(prefix)
    return sorted(path for path in root.rglob("*") if not path.is_dir()), root


def main():
    command, *rest = sys.argv[1:]
    if command == "files":
        found, root = files(rest[0])
        print(*(path.relative_to(root).as_posix() for path in found), sep="\n")
    elif command == "paths":
        found, _ = files(rest[0])
        paths = [path.encode() for path in rest[1:]]
        bad = [path for path in found if any(p in path.read_bytes() for p in paths)]
        print(*bad, sep="\n")
        print(len(found), "files,", len(bad), "with such a path")
        sys.exit(bool(bad))
    elif command == "pkg-config":
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "nm-runtime"], check=True, capture_output=True,
                               text=True).stdout
        subprocess.run(["clang-22", "-Wall", "-Wextra", "-Werror", rest[0], "-o", rest[1], *rest[2:], *shlex.split(flags)], check=True)
    elif command == "python":
        import nm
        from nm import _runtime, _tools
        print(nm.__path__[0], _runtime.lib._name, _tools.find("nm-compile"), sep="\n")


if __name__ == "__main__":
    main()
