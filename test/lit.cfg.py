# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The lit suite of nm. `--param roundtrip=1` adds --verify-roundtrip to every nm-opt,
`--param verify-at-runtime=1` upstream's runtime verification to all code that nm-run compiles."""

import os
import shutil
import subprocess

import lit.formats

config.name = "nm"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "consumer", "consumer-model", "consumer-runtime"]
if not lit_config.params.get("packages"):
    config.excludes.append("Packages")  # minutes; scripts/test runs them
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.nm_obj_root, "test")

# Tests say `nm-opt`, `FileCheck`, `mlir-opt`: the build's tools come first, then LLVM 22's. PATH
# rather than substitutions, so that a tool that was not built is an error that names it.
config.environment["PATH"] = os.pathsep.join(
    [config.nm_tools_dir, config.llvm_tools_dir, "/usr/bin", "/bin"])
config.environment["FILECHECK_OPTS"] = "--dump-input=fail"
config.environment["NM_SOURCE"] = config.nm_src_root
config.environment["NM_BUILD"] = config.nm_obj_root
# Two threads exercise the parallel code and leave the machine to the other tests.
config.environment["OMP_NUM_THREADS"] = "2"
# Nothing is written outside of the test's folder, and everything is compiled.
config.environment["NM_CODE_CACHE"] = "off"
for variable in ["NM_SEED", "UBSAN_OPTIONS", "LLVM_PROFILE_FILE"]:
    if variable in os.environ:
        config.environment[variable] = os.environ[variable]
config.environment["ASAN_OPTIONS"] = ":".join(
    filter(None, [config.nm_asan_options, os.environ.get("ASAN_OPTIONS")]))

config.substitutions += [
    ("%python", config.python),
    ("%nm_src_root", config.nm_src_root),
    ("%nm_obj_root", config.nm_obj_root),
    ("%cmake", config.cmake),
    ("%cxx", config.cxx),
    ("%openmp_lib_dir", os.path.dirname(config.openmp_library)),
    ("%llvm_lib_dir", config.llvm_lib_dir),
]

# Compiled code checks every view, index and size (docs/testing.md).
if lit_config.params.get("verify-at-runtime"):
    config.name = "nm-verified"
    config.environment["NM_VERIFY_AT_RUNTIME"] = "1"

if lit_config.params.get("roundtrip"):
    config.name = "nm-roundtrip"
    # The tool's name as a word of its own, not part of a path.
    config.substitutions.append((r"(?<![\w./-])nm-opt(?![\w./-])", "nm-opt --verify-roundtrip"))

for tool in ["nm-opt", "nm-run", "nm-compile", "nm-inspect", "nm-sim", "nm-explore", "nm-pifo", "nm-translate", "nm-lsp-server"]:
    if os.access(os.path.join(config.nm_tools_dir, tool), os.X_OK):
        config.available_features.add(tool)

# Three read the SystemVerilog of schedulers, beside Verilator, which is always there; one loads our modes, one opens our pages.
for tool in ["yosys", "berkeley-abc", "iverilog", "emacs", "chromium"]:
    if shutil.which(tool):
        config.available_features.add(tool)

# Open MPI's launcher.
if shutil.which("mpirun"):
    config.available_features.add("mpirun")

# vim-tiny colours nothing.
if shutil.which("vim") and b"+syntax" in subprocess.run(["vim", "--version"], capture_output=True).stdout:
    config.available_features.add("vim")

try:
    with open("/proc/cpuinfo") as cpuinfo:
        flags = next((line.split() for line in cpuinfo if line.startswith("flags")), [])
except OSError:
    flags = []
config.available_features |= {flag for flag in ("avx2", "fma", "avx512f", "f16c") if flag in flags}
config.available_features.add(os.uname().machine)

if subprocess.run([config.python, "-c", "import numpy"], capture_output=True).returncode == 0:
    config.available_features.add("numpy")
# PyTorch is optional (scripts/setup --torch); importing it takes seconds.
if subprocess.run([config.python, "-c", "import importlib.util, sys; "
                   "sys.exit(importlib.util.find_spec('torch') is None)"]).returncode == 0:
    config.available_features.add("torch")
# So are Pillow and the font that lines of text are drawn with.
if os.path.exists("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf") and subprocess.run(
        [config.python, "-c", "import PIL"], capture_output=True).returncode == 0:
    config.available_features.add("pil")
if subprocess.run([config.python, "-c", "import onnx"], capture_output=True).returncode == 0:
    config.available_features.add("onnx")
if subprocess.run([config.python, "-c", "import mypy"], capture_output=True).returncode == 0:
    config.available_features.add("mypy")
if subprocess.run([config.python, "-m", "pip", "--version"], capture_output=True).returncode == 0:
    config.available_features.add("pip")
# Notebooks are executed by nbclient, in a kernel of this Python.
if subprocess.run([config.python, "-c", "import nbclient, ipykernel"], capture_output=True).returncode == 0:
    config.available_features.add("notebook")
for program in ("rustc", "go", "lintian"):
    if shutil.which(program, path=config.environment["PATH"]):
        config.available_features.add(program)
if shutil.which("g++"):
    config.available_features.add("gxx")
# For programs of C that link with a runtime of this build.
config.substitutions.append(
    ("%sanitize_flags", "-fsanitize=" + config.nm_sanitize if config.nm_sanitize else ""))
if config.nm_sanitize:
    config.available_features.add("sanitizers")
