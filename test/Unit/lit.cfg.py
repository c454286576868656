# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The GoogleTest executables as a lit suite: every case counts as one test."""

import os

import lit.formats

config.name = "nm-unit"
config.test_source_root = os.path.join(config.nm_obj_root, "unittests", "bin")
config.test_exec_root = config.test_source_root
config.test_format = lit.formats.GoogleTest(".", "Tests")
# By list and not by folder: an executable of a test that is gone may still lie there.
config.test_format.test_suffixes = {name for name in config.nm_unittests if name}
config.environment["PATH"] = os.pathsep.join([config.nm_tools_dir, "/usr/bin", "/bin"])
config.environment["OMP_NUM_THREADS"] = "2"
# Nothing is written outside of the test's folder, and everything is compiled.
config.environment["NM_CODE_CACHE"] = "off"
config.environment["LSAN_OPTIONS"] = "print_suppressions=0:suppressions=" + os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "leaks.supp")
for variable in ["NM_SEED", "UBSAN_OPTIONS", "LLVM_PROFILE_FILE"]:
    if variable in os.environ:
        config.environment[variable] = os.environ[variable]
config.environment["ASAN_OPTIONS"] = ":".join(
    filter(None, [config.nm_asan_options, os.environ.get("ASAN_OPTIONS")]))
