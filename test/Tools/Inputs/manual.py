# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Each tool's --help, page and completion have the same options; groff finds nothing wrong with the page; bash
completes options, words and commands; NO_COLOR is heard. usage: manual.py <folder for files>
"""

import os
import re
import shutil
import subprocess
import sys

os.chdir(sys.argv[1])
TOOLS = ["nm-run", "nm-compile", "nm-inspect", "nm-sim", "nm-explore", "nm-pifo", "nm-recipe-kernels"]
# LLVM keeps their options and prints their help.
REGISTERED = ["nm-opt", "nm-translate", "nm-lsp-server"]
failures = []


def text_of(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, check=True, **more).stdout


def options_of(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


def completed(tool, *words):
    """What bash offers for the last word; it splits at '='."""
    parts = [part for word in words for part in re.split("(=)", word) if part or word == ""]
    script = (f"source {tool}.bash; COMP_WORDS=({' '.join(map(repr, [tool, *parts]))}); COMP_CWORD={len(parts)}; "
              f"_{tool.replace('-', '_')}_start; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
    return text_of("bash", "-c", script).split()


for tool in TOOLS + REGISTERED:
    page, script = text_of(tool, "--help=man"), text_of(tool, "--help=bash")
    open(tool + ".1", "w").write(page)
    open(tool + ".bash", "w").write(script)
    subprocess.run(["bash", "-n", tool + ".bash"], check=True)
    commands = [[tool]] + [[tool, command] for command in {"nm-sim": ["tenants", "array"], "nm-pifo": ["flows", "mesh"]}.get(tool, [])]
    for command in commands:
        # Lines that begin with an option; the rest may speak of others' options.
        rows = re.findall(r"^(?:  |      )(--?[a-z][\w-]*)" if tool in REGISTERED else r"^  (?:-[a-z], )?(--[a-z-]+)",
                          text_of(*command, "--help"), re.M)
        # LLVM shows it only while it prints --help.
        rows = [name for name in rows if tool not in REGISTERED or name != "--help-list"]
        if not rows:
            failures.append(f"{command}: --help has no options")
        for name in rows:
            if f"\\fB{name.replace('-', chr(92) + '-')}\\fR" not in page:
                failures.append(f"{command}: the page lacks {name}")
        offered = completed(tool, *command[1:], "--")
        rows = [name for name in rows if name.startswith("--")]
        if set(rows) != {name for name in offered if len(name) > 2}:
            failures.append(f"{command}: bash offers {sorted(set(offered) ^ set(rows))} besides or not")
    if shutil.which("groff"):
        lint = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", tool + ".1"], capture_output=True, text=True)
        if lint.returncode or lint.stderr:
            failures.append(f"{tool}: {lint.stderr}")
    if shutil.which("mandoc"):
        lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", tool + ".1"], capture_output=True, text=True)
        lines = [line for line in lint.stdout.splitlines() if "missing date" not in line]
        if lines:
            failures.append(f"{tool}: {lines}")

for words, expected in [(("m.mlir", "--emit="), ["llvm"]), (("--mask-policy", "de"), ["derive"]),
                        (("--target=ed",), ["edge"]), (("--mask-bit-order=",), ["lsb", "msb"]),
                        (("--input", "--"), []), (("--repor",), ["--report"]), (("m.",), [])]:
    if completed("nm-run", *words) != expected:
        failures.append(f"nm-run {words}: {completed('nm-run', *words)}, expected {expected}")
for words, expected in [(("me",), ["mesh"]), (("mesh", "ver"), ["verilog"]), (("mesh", "--cy"), ["--cycles"])]:
    if completed("nm-pifo", *words) != expected:
        failures.append(f"nm-pifo {words}: {completed('nm-pifo', *words)}, expected {expected}")

# What only the registries of passes and translations know.
for tool, text in [("nm-opt", "choose the storage layout of every N:M weight"), ("nm-opt", ".SS \"Pipelines\""),
                   ("nm-translate", "encode an attacc.program as assembly"), ("nm-translate", ".SS \"Translations\""),
                   ("nm-lsp-server", "language server protocol")]:
    if text not in open(tool + ".1").read().replace("\\-", "-"):
        failures.append(f"{tool}: the page lacks {text!r}")

if shutil.which("script"):
    for value, coloured in [("", True), ("1", False)]:
        shown = subprocess.run(["script", "-qec", "nm-run missing.mlir", "/dev/null"], capture_output=True,
                               env={**os.environ, "NO_COLOR": value, "TERM": "xterm"}, stdin=subprocess.DEVNULL).stdout
        if (b"\x1b[" in shown) != coloured or b"cannot read" not in shown:
            failures.append(f"NO_COLOR={value!r}: {shown}")
print("\n".join(failures))
print(f"{len(TOOLS + REGISTERED)} tools, {len(failures)} failures")
