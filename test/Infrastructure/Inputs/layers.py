#!/usr/bin/env python3
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# usage: layers.py <folder of nm's sources>
# Checks what every source includes against the list of floors below:
#   - a header without "nm/" is private: it lies on the floor of the file that names it
#   - a folder includes its own public headers and those that FLOORS allows
#   - plain C++ includes nothing of LLVM and MLIR
# and that every source says its licence. Prints each offence as file:line, then a count.
import pathlib
import re
import sys

PLAIN = {
    # folder below lib and include/nm: folders it may include besides its own
    "Support": [],
    "Runtime": ["Support"],
    "Machine": ["Support"],
    "Model": ["Support", "Machine"],
    "Model/PifoMesh": ["Support"],
    "Isa": ["Support", "Machine"],
    "Isa/Kernels": ["Support", "Machine", "Isa"],
    "Simulator": ["Support", "Machine", "Isa"],
    "Explore": ["Support", "Machine", "Model"],
    "Traffic": ["Support"],
    "Import/PifoPolicy": ["Support"],
    "Target/ArrayVerilog": ["Support", "Machine"],
    "Target/SystemVerilog": ["Support", "Model/PifoMesh"],
}
WITH_MLIR = {
    # Dialects know no target and no simulator.
    "Dialect/Common": ["Support"],
    "Dialect/NM/IR": ["Support", "Dialect/Common", "Machine", "Runtime"],
    "Dialect/Kernel/IR": ["Dialect/Common"],
    "Dialect/Kernel/Transforms": ["Dialect/Kernel/IR", "Dialect/NM/IR"],
    "Dialect/NM/Transforms": ["Support", "Dialect/Common", "Machine", "Runtime", "Dialect/NM/IR", "Dialect/Layer/IR", "Dialect/Kernel", "Transforms"],
    "Dialect/Flat/IR": ["Support", "Dialect/Common", "Analysis"],
    "Dialect/Flat/Transforms": ["Support", "Dialect/Common", "Analysis", "Machine", "Model", "Dialect/Flat/IR", "Dialect/NM/IR",
                                "Dialect/NM/Transforms", "Dialect/Kernel", "Transforms"],
    "Dialect/Layer/IR": ["Support", "Dialect/Common"],
    "Analysis": ["Dialect/Layer/IR"],
    "Dialect/Layer/Transforms": ["Support", "Dialect/Common", "Analysis", "Dialect/Layer/IR", "Dialect/NM/IR", "Dialect/NM/Transforms"],
    "Dialect/Pifo/IR": ["Support", "Model/PifoMesh"],
    "Dialect/Pifo/Transforms": ["Support", "Dialect/Pifo/IR"],
    "Dialect/Attacc/IR": ["Support", "Dialect/Common", "Machine", "Isa"],
    "Dialect/Tile/IR": ["Support", "Dialect/Common", "Machine", "Isa", "Dialect/Attacc/IR"],
    "Dialect/Tile/Transforms": ["Support", "Machine", "Model", "Isa", "Dialect/Attacc/IR", "Dialect/Tile/IR"],
    "Dialect/Step/IR": ["Support", "Dialect/Common"],
    "Dialect/Step/Transforms": ["Support", "Dialect/Step/IR", "Dialect/NM/Transforms"],
    "Transforms": ["Support", "Machine", "Dialect/NM/IR", "Dialect/Flat/IR", "Dialect/Layer/IR", "Dialect/Kernel"],
    "Target/Attacc": ["Support", "Dialect/Common", "Machine", "Isa", "Dialect/Attacc/IR"],
    "Target/PifoBpf": ["Support", "Dialect/Pifo/IR", "Dialect/Pifo/Transforms"],
    "Target/PifoMesh": ["Support", "Model/PifoMesh", "Target/SystemVerilog", "Dialect/Pifo/IR"],
    "Target/RecipeKernels": ["Support", "Runtime", "Dialect/Step", "Pipelines"],
    "Conversion": ["Support", "Analysis", "Machine", "Runtime", "Model", "Isa", "Isa/Kernels", "Dialect", "Transforms", "Target/Attacc"],
    "Import/Onnx": ["Support", "Runtime", "Dialect", "Transforms"],
    "Pipelines": ["Support", "Machine", "Isa", "Dialect", "Transforms", "Conversion", "Target", "Model"],
    "Registration": ["Dialect", "Transforms", "Conversion", "Target", "Pipelines"],
    "Driver": [""],  # the top floor: anything below
}
FLOORS = {**PLAIN, **WITH_MLIR}

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)
FOREIGN = ("mlir/", "llvm/", "mlir-c/", "llvm-c/")
INSTALLED = ("gtest/", "gmock/")
LICENCE = "SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception"


def floor_of(path):
    """The longest folder of FLOORS that holds a path below lib or include/nm."""
    best = None
    for floor in FLOORS:
        if (path == floor or path.startswith((floor + "/", floor + "."))) and len(floor) > len(best or ""):
            best = floor
    return best


def allows(floor, other):
    return other == floor or any(
        other == name or name == "" or (other.startswith(name + "/") and name not in PLAIN)
        for name in FLOORS[floor])


def check_includes(root, path, text):
    below = path.relative_to(root).as_posix()
    floor = None
    for beginning in ("lib/", "include/nm/"):
        if below.startswith(beginning):
            floor = floor_of(below[len(beginning):])
    for match in INCLUDE.finditer(text):
        line = text.count("\n", 0, match.start(1)) + 1
        quoted, name = match[1] == '"', match[2]
        if name.startswith("nm/"):
            other = floor_of(name[3:])
            if floor and other and not allows(floor, other):
                yield line, f"{floor} may not include {name}"
        elif name.startswith(FOREIGN):
            if floor in PLAIN:
                yield line, f"{floor} is plain C++ and may not include {name}"
        elif quoted and not name.startswith(INSTALLED) and below.startswith(("lib/", "include/", "tools/", "unittests/", "fuzz/", "benchmarks/")):
            if floor and (path.parent / name).resolve().is_relative_to(root.resolve() / "lib" / floor):
                continue
            shared = below.startswith("unittests/") and (root / "unittests" / name).is_file() \
                and name.startswith("Common/")
            if "/" in name and not shared:
                yield line, f"{name} is a private header of another floor"


def main():
    root = pathlib.Path(sys.argv[1])
    files = offences = 0
    for folder in ("include", "lib", "tools", "unittests", "fuzz", "benchmarks", "cmake", "scripts",
                   "test", "docs"):
        for path in sorted((root / folder).rglob("*")):
            code = path.suffix in (".h", ".cpp", ".c", ".td", ".sv")
            build = path.suffix in (".py", ".cmake", ".sh") or path.name == "CMakeLists.txt" \
                or (folder == "scripts" and not path.suffix)
            if not path.is_file() or not (code or build) or "Output" in path.relative_to(root).parts:
                continue
            files += 1
            text = path.read_text(errors="replace")
            found = []
            if LICENCE not in text[:1000]:
                found.append((1, "no licence: the first lines hold " + LICENCE))
            if path.suffix in (".h", ".cpp", ".c"):
                found += check_includes(root, path, text)
            for line, what in found:
                print(f"{path.relative_to(root)}:{line}: {what}")
            offences += len(found)
    for floor in FLOORS:
        for folder in ("lib", "include/nm"):
            if (root / folder / floor).is_dir():
                break
        else:
            if not list((root / "include/nm").glob(floor + ".h")):
                offences += 1
                print(f"{floor} is a floor without a folder")
    print(f"{files} files, {offences} offences")
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main())
