# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Builds the wheel of the package `nm` (PEP 517) from the modules here and what CMake has built.

The folder of the build is NM_BUILD, build/release unless told otherwise. Where it has the tools, the wheel
is that of the compiler; a build with NM_RUNTIME_ONLY gives one of the runtime alone.
"""

import base64
import hashlib
import os
import re
import stat
import sysconfig
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ("nm-run", "nm-compile", "nm-inspect", "nm-sim", "nm-explore", "nm-pifo", "nm-opt", "nm-translate")


def _version():
    found = re.search(r"project\(nm VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text(encoding="utf-8"))
    return found[1]


def _metadata():
    return "\n".join([
        "Metadata-Version: 2.1", "Name: nm", f"Version: {_version()}",
        "Summary: N:M sparse weights for transformers: learned, compiled, run",
        "License: Apache-2.0 WITH LLVM-exception", "Requires-Python: >=3.9", "Requires-Dist: numpy", ""])


def _built():
    """What of a build goes into the package: (file, its name there, whether it runs)."""
    build = Path(os.environ.get("NM_BUILD", ROOT / "build/release"))
    library = build / "lib/libnm_runtime.so"
    if not library.is_file():
        raise SystemExit(f"error: no {library}; build nm first (scripts/demo, or cmake --preset release && "
                         "cmake --build --preset release), or name its folder in NM_BUILD")
    yield library, "nm/libnm_runtime.so", True
    for tool in TOOLS:
        if (build / "bin" / tool).is_file():
            yield build / "bin" / tool, f"nm/bin/{tool}", True


def _modules():
    for path in sorted((ROOT / "python/nm").rglob("*")):
        if path.suffix == ".py" or path.name == "py.typed":
            yield path, path.relative_to(ROOT / "python").as_posix(), False


class _Wheel:
    """A zip archive that records what is in it."""

    def __init__(self, path):
        self.archive = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6)
        self.record = []

    def add(self, name, content, runs=False):
        entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))  # the same wheel from the same files
        entry.external_attr = (stat.S_IFREG | (0o755 if runs else 0o644)) << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        self.archive.writestr(entry, content)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        self.record.append(f"{name},sha256={digest},{len(content)}")

    def close(self, info):
        self.record.append(f"{info}/RECORD,,")
        self.archive.writestr(f"{info}/RECORD", "\n".join(self.record) + "\n")
        self.archive.close()


def get_requires_for_build_wheel(config_settings=None):
    return []


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    """Writes the wheel and returns its name."""
    platform = re.sub(r"[-.]", "_", sysconfig.get_platform())
    tag = f"py3-none-{platform}"
    name, info = f"nm-{_version()}-{tag}.whl", f"nm-{_version()}.dist-info"
    files = [*_modules(), *_built()]
    wheel = _Wheel(Path(wheel_directory) / name)
    for path, inner, runs in files:
        wheel.add(inner, path.read_bytes(), runs)
    wheel.add(f"{info}/METADATA", _metadata().encode())
    wheel.add(f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: nm\nRoot-Is-Purelib: false\nTag: {tag}\n".encode())
    wheel.add(f"{info}/LICENSE", (ROOT / "LICENSE").read_bytes())
    wheel.close(info)
    return name


def get_requires_for_build_sdist(config_settings=None):
    return []


def build_sdist(sdist_directory, config_settings=None):
    """Sources of the package alone; a wheel needs a build beside them."""
    base = f"nm-{_version()}"
    name = f"{base}.tar.gz"
    with tarfile.open(Path(sdist_directory) / name, "w:gz") as archive:
        for path, inner, _ in _modules():
            archive.add(path, f"{base}/python/{inner}")
        for path in ("pyproject.toml", "python/wheel_backend.py", "LICENSE", "CMakeLists.txt"):
            archive.add(ROOT / path, f"{base}/{path}")
    return name
