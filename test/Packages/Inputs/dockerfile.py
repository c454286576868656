# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A stage of our Dockerfile as a script of bash for chroot.py. Anything but the instructions that it has is an error.

usage: dockerfile.py <Dockerfile> <number of the stage>

COPY of the context is from /context, of another stage from /from. Builds stop at one library, as that of all takes too long
for a test; what cpack would write lies in /from.
"""

import pathlib
import re
import shlex
import sys

HEAD = r"""
set -x
cmake() { if [[ $1 == --build ]]; then command cmake "$@" --target NMDialectCommon; else command cmake "$@"; fi; }
cpack() { :; }
"""
SMOKE = """
nm-run /work/model.onnx --prune=2:4 --input x=/work/x.npy --output /tmp/y.npy
python3 -c 'import nm, numpy; y = numpy.load("/tmp/y.npy"); print("as expected" if abs(y - numpy.load("/work/expected.npy")).max() < 1e-5 else y)'
"""


def instructions(path):
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            yield line.split(None, 1)


def stage(path, number):
    """The instructions of one stage; each begins on Debian."""
    stages = []
    for name, rest in instructions(path):
        if name == "FROM":
            if not re.fullmatch(r"debian:bookworm( AS \w+)?", rest):
                sys.exit(f"error: {path}: FROM {rest}, expected debian:bookworm")
            stages.append([])
        else:
            stages[-1].append((name, rest))
    return stages[number]


def command(name, rest):
    if name == "RUN":
        return f"({rest})"  # each begins in the folder of WORKDIR
    if name == "WORKDIR":
        return f"mkdir -p {rest} && cd {rest}"
    if name == "COPY" and rest == ". /src":
        return r"mkdir /src && tar -C /context --exclude=./build --exclude=./install --exclude=./.git -c . | tar -C /src -x"
    if name == "COPY" and (found := re.fullmatch(r"--from=build /src/build/release/packages/(\S+) (/\S+/)", rest)):
        return f"mkdir -p {found[2]} && cp /from/{found[1]} {found[2]}"
    sys.exit(f"error: {name} {shlex.quote(rest)} is not known to {sys.argv[0]}")


def main():
    path, number = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    print(HEAD, *(command(name, rest) for name, rest in stage(path, number)), *([SMOKE] if number else []), sep="\n")


if __name__ == "__main__":
    main()
