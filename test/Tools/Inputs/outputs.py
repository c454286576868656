# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every option that writes a file, of every tool, against every kind of name.

The options come from the tools' own --help: one that is in neither list below fails the test. Options of one command meet
the kinds of names that take what is written together, each another kind in each run.
usage: outputs.py <folder for files> <source root>
"""

import json
import os
import random
import re
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time

import checks
import numpy as np
from checks import check

work, source = os.path.abspath(sys.argv[1]), sys.argv[2]
seed = int(os.environ.get("NM_SEED", "1"))
print("seed", seed)
random.seed(seed)
os.umask(0o022)
os.makedirs(work, exist_ok=True)
here = os.path.dirname(os.path.abspath(__file__))
os.chdir(work)
shutil.copy(os.path.join(here, "product.mlir"), "m.mlir")
open("c.mlir", "w").write(open("m.mlir").read().replace(", %w: tensor<8x8xf32>) -> tensor<8x8xf32> {", """) -> tensor<8x8xf32> {
  %w = nm.param "checkpoint" : tensor<8x8xf32>"""))
np.save("x.npy", np.ones((8, 8), np.float32))
np.save("checkpoint.npy", np.ones((8, 8), np.float32))
open("mesh.json", "w").write(subprocess.run(
    ["nm-translate", "--pifo-to-mesh-json", f"{source}/examples/pifo/fifo.mlir"],
    capture_output=True, text=True).stdout)

subprocess.run(["nm-compile", "m.mlir", "--target=edge", "-o", "p.nmb"], check=True)
shutil.copy(f"{source}/devices/edge.json", "d.json")
MAP = ["nm-explore", "map", "--device=d.json"]
SEARCH = [*MAP, "--model=BERT", "--length=512"]
subprocess.run([*SEARCH, "--output=map.json", "--timeloop-output=map", "--tileflow-output=map.yaml"], check=True,
               stdout=subprocess.DEVNULL)
open("t.csv", "w").write("tenant,program,arrival_us\n0,p.nmb,0\n")

os.makedirs("open", exist_ok=True)
os.chmod("open", 0o777)  # what else a command writes, as anyone
RUN = ["nm-run", "m.mlir", "--input", "x.npy", "--input", "x.npy"]
PRUNE = ["nm-run", "c.mlir", "--params=checkpoint.npy", "--input=x.npy", "--prune=2:4", "--calibrate=x.npy"]
EDGE = ["nm-run", "m.mlir", "--target=edge", "--timing-only"]
LLVM = ["nm-compile", "m.mlir", "--emit=llvm"]
PACK = ["nm-compile", "c.mlir", "--params=checkpoint.npy", "--emit=obj", "--output=open/code.o"]
MASKS = ["nm-compile", "c.mlir", "--params=checkpoint.npy", "--prune=2:4", "--calibrate=x.npy", "--emit=llvm", "--output=open/code.ll"]
INSPECT = ["nm-inspect", "checkpoint.npy"]
SIM = ["nm-sim", "p.nmb", "--input", "x.npy", "--input", "x.npy"]
TENANTS = ["nm-sim", "tenants", "t.csv", f"--policy={source}/examples/pifo/tiles-fair.mlir", "--target=edge"]
PIFO = ["nm-pifo", f"{source}/examples/pifo/fifo.mlir", "--generate=cbr:rate=1G,packets=20"]
open("fifo.policy", "w").write("scheduler s capacity 20\nfifo\n")
FLOWS = ["nm-pifo", "flows", "--policy=fifo.policy", "--generate=20k:load=0.5,count=3"]
EXPLORE = ["nm-explore", "--device=d.json", "--model=BERT", "--length=512", "--method=flat"]
TIMELOOP = [*MAP, "--timeloop=map-logit.yaml,map-attend.yaml"]

# (tool, option): the command without it, and a file that the command reads.
OUTPUTS = {
    ("nm-run", "output"): (RUN, "x.npy"),
    ("nm-run", "json"): (RUN, "x.npy"),
    ("nm-run", "remarks-output-file"): (RUN, "m.mlir"),
    ("nm-run", "save-masks"): (PRUNE, "x.npy"),
    ("nm-run", "trace"): (EDGE, "m.mlir"),
    ("nm-run", "html"): (EDGE, "m.mlir"),
    ("nm-compile", "output"): (LLVM, "m.mlir"),
    ("nm-compile", "remarks-output-file"): (LLVM, "m.mlir"),
    ("nm-compile", "weights"): (PACK, "checkpoint.npy"),
    ("nm-compile", "save-masks"): (MASKS, "x.npy"),
    ("nm-inspect", "json"): (INSPECT, "checkpoint.npy"),
    ("nm-inspect", "convert"): ([*INSPECT, "--format=dense"], "checkpoint.npy"),
    ("nm-sim", "output"): (SIM, "p.nmb"),
    ("nm-sim", "json"): (SIM, "x.npy"),
    ("nm-sim", "trace"): (SIM, "p.nmb"),
    ("nm-sim", "html"): (SIM, "p.nmb"),
    ("nm-sim tenants", "json"): (TENANTS, "p.nmb"),
    ("nm-sim tenants", "trace"): (TENANTS, "t.csv"),
    ("nm-sim array", "output"): (["nm-sim", "array", "--target=d.json"], "d.json"),
    ("nm-explore", "output"): (EXPLORE, "d.json"),
    ("nm-explore", "pareto"): (EXPLORE, "d.json"),
    ("nm-explore map", "output"): (TIMELOOP, "map-logit.yaml"),
    ("nm-explore map", "tileflow-output"): (TIMELOOP, "map-attend.yaml"),
    ("nm-explore map", "svg"): ([*MAP, "--tileflow=map.yaml"], "map.yaml"),
    ("nm-explore map", "program"): ([*MAP, "--mapping=map.json"], "map.json"),
    ("nm-explore map", "pareto"): (SEARCH, "d.json"),
    ("nm-explore accelergy", "output"): (
        ["nm-explore", "accelergy", "--device=edge", "--art=art.yaml"], "art.yaml"),
    ("nm-opt", "output"): (["nm-opt", "m.mlir"], "m.mlir"),
    ("nm-translate", "o"): (["nm-translate", "--mlir-to-llvmir", "empty.mlir"], "empty.mlir"),
    ("nm-pifo", "departures"): (PIFO, None),
    ("nm-pifo", "departures-pcap"): (PIFO, None),
    ("nm-pifo", "json"): (PIFO, None),
    ("nm-pifo", "svg"): (PIFO, None),
    ("nm-pifo", "output"): (["nm-pifo", "fifo.policy", "--emit=bpf"], "fifo.policy"),
    ("nm-pifo flows", "json"): (FLOWS, "fifo.policy"),
    ("nm-pifo flows", "html"): (FLOWS, "fifo.policy"),
    ("nm-pifo mesh", "output"): (["nm-pifo", "mesh", "json", "mesh.json"], "mesh.json"),
    ("nm-recipe-kernels", "output"): (["nm-recipe-kernels", "--only=momentum"], None),
}
# Further forms of the same options. Those that other programs write, by name, meet every kind of name too.
FORMS = [(("nm-compile", "output"), ["nm-compile", "m.mlir", f"--emit={kind}"])
         for kind in ["mlir", "asm", "obj", "so"]]
FORMS += [(("nm-compile", "output"), ["nm-compile", "m.mlir", "--target=edge", f"--emit={kind}"])
          for kind in ["attacc", "attacc-asm"]]
FORMS += [(("nm-run", "output"), ["nm-run", "m.mlir", "--emit=llvm"]),
          (("nm-run", "html"), RUN),
          (("nm-run", "json"), [*RUN, "--profile"]),
          (("nm-opt", "o"), ["nm-opt", "m.mlir"]),
          (("nm-translate", "output"), ["nm-translate", "--mlir-to-llvmir", "empty.mlir"]),
          (("nm-inspect", "json"), ["nm-inspect", "m.mlir"]),
          (("nm-inspect", "json"), ["nm-inspect", "p.nmb"]),
          (("nm-pifo mesh", "o"), ["nm-pifo", "mesh", "hardware"])]
# Built on request only (NM_BUILD_BENCHMARKS), and seconds of single steps.
if shutil.which("nm-bench-pifo"):
    FORMS.append((("nm-bench-pifo", "json"), ["nm-bench-pifo", "--quick", "--benchmark_filter=one/narrow/1024"]))
# What several files begin with: the command, how the name of the first goes on, and what stands in each.
PREFIXES = {("nm-explore", "charts"): (EXPLORE, "-pareto.svg", b"</svg>"),
            ("nm-explore map", "timeloop-output"): (SEARCH, "-logit.yaml", b"mapping:")}
open("art.yaml", "w").write("ART: {version: 0.4, tables: [{name: chip.PE, area: 1}]}\n")
open("empty.mlir", "w").write("module {}\n")
# Options whose values are files or folders that are read.
OTHERS = {
    "nm-run": {"dump-stages-to", "reproducer-to", "params", "input", "expect", "calibrate", "cache", "target", "bind", "masks"},
    "nm-compile": {"dump-stages-to", "reproducer-to", "params", "calibrate", "bind", "masks", "cc", "target"},
    "nm-inspect": {"masks", "print-device"},
    "nm-sim": {"golden", "params", "input", "expect", "masks", "target"},
    "nm-sim tenants": {"policy", "target"},
    "nm-sim array": {"target"},
    "nm-explore": {"validate", "device"},
    "nm-explore accelergy": {"device", "ert", "art"},
    "nm-explore map": {"mapping", "tileflow"},
    "nm-opt": {"irdl-file", "o"},  # -o is among the forms
    "nm-translate": set(),
    "nm-pifo": {"changes", "field", "flows"},
    "nm-pifo flows": {"policy", "field"},
    "nm-pifo mesh": {"input"},
    "nm-recipe-kernels": set(),
}


def run(command, **kwargs):
    return subprocess.run(command, capture_output=True, timeout=100, **kwargs)


def with_output(command, option, path):
    dash = "-" if len(option) == 1 else "--"
    return command + [dash + option, path]


def leftovers(before):
    return sorted(set(os.listdir(".")) - before)


def clean(before):
    for file in leftovers(before):
        os.unlink(file)


class Name:
    """A kind of name that takes what is written: `make` lays there what is there before, `whole` tells whether it came."""

    writes_beside = True  # a header beside an object file

    def __init__(self, stem, length):
        self.path = self.lies_in = f"{stem}.{type(self).__name__.lower()}"
        self.length = length  # of what is written

    def make(self):
        pass

    def whole(self, same_size):
        return os.path.exists(self.path) and same_size(open(self.lies_in, "rb").read())

    def files(self):
        return {os.path.normpath(self.path), self.lies_in}


class Old(Name):
    """A regular file, longer than what is written and of a mode of its own."""

    def make(self):
        open(self.path, "wb").write(b"x" * (self.length + 4096))
        os.chmod(self.path, 0o640)

    def whole(self, same_size):
        return super().whole(same_size) and stat.S_IMODE(os.stat(self.path).st_mode) == 0o640


class Link(Name):
    """To nothing yet."""

    def make(self):
        self.lies_in = self.path + ".target"
        os.symlink(self.lies_in, self.path)

    def whole(self, same_size):
        return os.path.islink(self.path) and super().whole(same_size)


class LinkToOld(Link):
    def make(self):
        super().make()
        open(self.lies_in, "wb").close()


class Fifo(Name):
    writes_beside = False

    def make(self):
        os.mkfifo(self.path)
        self.got = []
        self.reader = threading.Thread(target=lambda: self.got.append(open(self.path, "rb").read()), daemon=True)
        self.reader.start()

    def whole(self, same_size):
        self.reader.join(10)
        return self.got and same_size(self.got[0]) and stat.S_ISFIFO(os.stat(self.path).st_mode)


class Device(Name):
    writes_beside = False

    def make(self):
        os.mknod(self.path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))

    def whole(self, same_size):
        return stat.S_ISCHR(os.stat(self.path).st_mode)


class Comma(Name):
    """What a shell or a linker would cut or take for an option."""

    def __init__(self, stem, length):
        self.path, self.lies_in = f"./-{stem},put x", f"-{stem},put x"


class Line(Name):
    def __init__(self, stem, length):
        self.path = self.lies_in = f"{stem}\n\u00e9"


class Written:
    """What an option writes where nothing stands in its way, by which the rest is judged."""

    def __init__(self, name, option, content, headers):
        self.name, self.option, self.length, self.headers = name, option, len(content), headers

    def same_size(self, data):
        return len(data) > 0 and abs(len(data) - self.length) <= self.length // 2 + 200


def against_kinds_of_names(command, options, kinds):
    before = set(os.listdir("."))
    for turn in range(len(kinds)):
        call, names = command, []
        for place, written in enumerate(options):
            names.append(kinds[(turn + place) % len(kinds)](f"out{place}", written.length))
            names[-1].make()
            call = with_output(call, written.option, names[-1].path)
        result, expected = run(call), set()
        for made, written in zip(names, options):
            check(result.returncode == 0 and made.whole(written.same_size),
                  f"{written.name}: {type(made).__name__}, {made.path!r}", result)
            expected |= made.files()
            if written.headers and made.writes_beside:
                expected |= {file for file in leftovers(before) if file.endswith(".h")}
        check(set(leftovers(before)) == expected, f"{call}: left {leftovers(before)}", result)
        clean(before)


def against_places(name, command, option):
    """Where nothing can be written."""
    result = run(with_output(command, option, "missing/out"))
    check(result.returncode == 1 and b"no such folder 'missing'" in result.stderr,
          f"{name}: missing folder", result)
    result = run(with_output(command, option, "."))
    check(result.returncode == 1 and b"it is a folder" in result.stderr, f"{name}: folder", result)
    if os.geteuid() == 0:
        result = run(with_output(command, option, "locked/out"), user=65534, group=65534)
    else:
        result = run(with_output(command, option, "locked/out"))
    check(result.returncode == 1 and b"cannot write 'locked/out': Permission denied" in
          result.stderr and not os.listdir("locked"), f"{name}: unwritable folder", result)


def against_everything(key, command, read, places, signals):
    """A new file, a full disk and signals, and with `places` where nothing can be written; returns what a new file has."""
    tool, option = key
    name = f"{' '.join(command[:3])} {option}"
    before = set(os.listdir("."))
    # A new name.
    result = run(with_output(command, option, "out.new"))
    check(result.returncode == 0, f"{name}: new name", result)
    if result.returncode:
        clean(before)
        return None
    content = open("out.new", "rb").read()
    executable = "--emit=so" in command
    mode = stat.S_IMODE(os.stat("out.new").st_mode)
    check(mode == (0o755 if executable else 0o644), f"{name}: mode {mode:o} of a new file")
    extra = {"out.h"} if command[-1] in ("--emit=obj", "--emit=so") else set()
    check(set(leftovers(before)) == {"out.new"} | extra, f"{name}: left {leftovers(before)}")
    written = Written(name, option, content, bool(extra))
    clean(before)
    if places:
        against_places(name, command, option)
    full = ["/dev/full"] + (["full/out"] if own_disk else [])
    for path in full:
        result = run(with_output(command, option, path))
        text = result.stderr.decode()
        check(result.returncode == 1 and f"cannot write '{path}': No space left on device" in text
              and "LLVM ERROR" not in text, f"{name}: full {path}", result)
        check(not own_disk or sorted(os.listdir("full")) == ["filler"], f"{name}: left in full")
    # An input, under its name and under another.
    if read:
        original = open(read, "rb").read()
        os.link(read, "out.hard")
        for path in [read, "./" + read, "out.hard"]:
            result = run(with_output(command, option, path))
            check(result.returncode == 1 and b"would overwrite" in result.stderr,
                  f"{name}: input {path}", result)
        check(open(read, "rb").read() == original, f"{name}: an input was changed")
        clean(before)
    # Another output of the same command.
    for (other_tool, other), (other_command, _) in OUTPUTS.items():
        one = option == other or {option, other} == {"o", "output"}  # names of one option
        if other_tool == tool and not one and other_command == command:
            result = run(with_output(with_output(command, option, "out.a"), other, "./out.a"))
            check(result.returncode == 1 and b"both write" in result.stderr,
                  f"{name}: same as {other}", result)
    check(not leftovers(before), f"{name}: left {leftovers(before)}")
    clean(before)
    # Ended by a signal, at any moment: all or nothing.
    for number in signals:
        process = subprocess.Popen(with_output(command, option, "out.new"),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.random() * 0.1)
        process.send_signal(number)
        code = process.wait(60)
        left = leftovers(before)
        check(code in (0, 1, -number), f"{name}: exit {code} after signal {number}")
        check(set(left) <= {"out.new"} | extra, f"{name}: left {left} after signal {number}")
        if "out.new" in left:
            check(written.same_size(open("out.new", "rb").read()), f"{name}: cut by signal {number}")
        clean(before)
    return written


def against_everything_with_prefix(command, option, end, inside):
    """The option names what several files begin with; the first of them is tried where it tells one."""
    name = f"{' '.join(command[:3])} {option}"
    before = set(os.listdir("."))
    first = "out" + end
    call = lambda prefix, *more: run(command + [f"--{option}={prefix}", *more])

    result = call("out")
    files = leftovers(before)
    check(result.returncode == 0 and first in files and all(file.startswith("out-") for file in files),
          f"{name}: new names {files}", result)
    contents = {file: open(file, "rb").read() for file in files}
    check(all(inside in content for content in contents.values()), f"{name}: contents", result)
    check(all(stat.S_IMODE(os.stat(file).st_mode) == 0o644 for file in files), f"{name}: modes")
    same = lambda file: open(file, "rb").read() == contents[file]
    # Regular files, longer than what is written, of another mode.
    for file in files:
        open(file, "wb").write(b"x" * (len(contents[file]) + 4096))
        os.chmod(file, 0o640)
    result = call("out")
    check(result.returncode == 0 and all(map(same, files)), f"{name}: regular files", result)
    check(all(stat.S_IMODE(os.stat(file).st_mode) == 0o640 for file in files), f"{name}: modes of regular files")
    clean(before)
    os.symlink("out.target", first)
    result = call("out")
    check(result.returncode == 0 and os.path.islink(first) and same(first), f"{name}: link", result)
    clean(before)
    if own_device:
        os.mknod(first, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        result = call("out")
        check(result.returncode == 0 and stat.S_ISCHR(os.stat(first).st_mode), f"{name}: device", result)
        clean(before)
    if own_disk:
        result = call("full/out")
        check(result.returncode == 1 and b"No space left on device" in result.stderr, f"{name}: full", result)
        check(sorted(os.listdir("full")) == ["filler"], f"{name}: left in full")
    result = call("missing/out")
    check(result.returncode == 1 and b"no such folder 'missing'" in result.stderr, f"{name}: missing folder", result)
    other = {"user": 65534, "group": 65534} if os.geteuid() == 0 else {}
    result = run(command + [f"--{option}=locked/out"], **other)
    check(result.returncode == 1 and b"Permission denied" in result.stderr and not os.listdir("locked"),
          f"{name}: unwritable folder", result)
    result = call("out", f"--output=./{first}")
    check(result.returncode == 1 and b"both write" in result.stderr, f"{name}: same as output", result)
    check(not leftovers(before), f"{name}: left {leftovers(before)}")
    for number in [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]:
        process = subprocess.Popen(command + [f"--{option}=out"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.random() * 0.1)
        process.send_signal(number)
        code, left = process.wait(60), leftovers(before)
        check(code in (0, 1, -number), f"{name}: exit {code} after signal {number}")
        check(all(file in contents and same(file) for file in left), f"{name}: left {left} after signal {number}")
        clean(before)


def options_of(tool):
    result = run(tool.split() + ["--help"])
    text = result.stdout.decode()
    found = re.findall(r"^\s+(?:-[a-z], )?--?([a-z][a-z0-9-]*)\[?[= ]\[?<([^>]*)>", text, re.M)
    return {name for name, value in found
            if re.search("file|folder|prefix|path|checkpoint|FILE|PREFIX", value)}


for tool, known in OTHERS.items():
    outputs = {option for each, option in [*OUTPUTS, *PREFIXES] if each == tool}
    # MLIR's options are upstream's to test.
    found = {name for name in options_of(tool)
             if not re.match("mlir-|remark|profile-|log-|debug|split|emit|irdl|gen", name)
             or tool not in ("nm-opt", "nm-translate")}
    check(outputs - found == set() or tool in ("nm-opt", "nm-translate"),
          f"{tool} --help does not list {sorted(outputs - found)}")
    check(found - outputs - known == set(),
          f"{tool}: {sorted(found - outputs - known)} are in no list of this test")

own_device = own_disk = False
try:
    os.mknod("probe", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    os.close(os.open("probe", os.O_WRONLY))
    own_device = True
except OSError as error:
    print("skipped: a device of the test's own:", error)
if os.path.exists("probe"):
    os.unlink("probe")
os.makedirs("full", exist_ok=True)
mount = run(["mount", "-t", "tmpfs", "-o", "size=4k", "none", "full"])
if mount.returncode == 0:
    own_disk = True
    open("full/filler", "w").write("x" * 4096)
else:
    print("skipped: a full disk:", mount.stderr.decode().strip())
os.makedirs("locked", exist_ok=True)
os.chmod("locked", 0o555)
os.chmod(".", 0o755)

try:
    kinds = [Old, Link, LinkToOld, Fifo, Comma, Line, *([Device] if own_device else [])]
    signals = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    commands = {}  # of each what its options write
    for number, (key, (command, read)) in enumerate(OUTPUTS.items()):
        options = commands.setdefault(tuple(command), [])
        # All for the first option of a command, one for each other.
        written = against_everything(key, command, read, True, [signals[number % 3]] if options else signals)
        options += [written] if written else []
    for command, options in commands.items():
        against_kinds_of_names(list(command), options, kinds)
    for key, command in FORMS:
        by_others = command[-1] in ("--emit=obj", "--emit=so")
        written = against_everything(key, command, None, by_others, signals if by_others else signals[:1])
        if written:
            against_kinds_of_names(command, [written], kinds if by_others else [Old])
    for (_, option), (command, end, inside) in PREFIXES.items():
        against_everything_with_prefix(command, option, end, inside)
    # What is written to standard output is there alone: tables for people go to the error output.
    for key, (command, _) in OUTPUTS.items():
        if key[1] not in ("json", "trace"):
            continue
        more = ["--report"] if key[0] in ("nm-run", "nm-sim") and command is not PRUNE else []
        for path in ["-", "/dev/stdout"]:
            result = run(with_output(command + more, key[1], path))
            try:
                json.loads(result.stdout)
                good = result.returncode == 0
            except ValueError:
                good = False
            check(good, f"{key} to {path} is not JSON alone", result)
    # Standard output, full and closed.
    for command in [RUN + ["--report"], LLVM, EXPLORE, SEARCH, INSPECT, SIM, TENANTS, ["nm-run", "--help"],
                    ["nm-run", "--help=man"], ["nm-pifo", "--help=bash"],
                    ["nm-opt", "m.mlir"], ["nm-translate", "--mlir-to-llvmir", "empty.mlir"],
                    PIFO, ["nm-pifo", "mesh", "hardware"]]:
        for redirect in [">/dev/full", ">&-"]:
            result = run(["sh", "-c", '"$@" ' + redirect, "sh"] + command)
            check(result.returncode == 1 and b"cannot write standard output" in result.stderr
                  and b"LLVM ERROR" not in result.stderr, f"{command} {redirect}", result)
finally:
    if own_disk:
        run(["umount", "full"])
sys.exit(bool(checks.failed))
