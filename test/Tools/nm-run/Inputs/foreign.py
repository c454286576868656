# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Files that are given for checkpoints and are none: usage foreign.py FOLDER.

nm-inspect, --params and the model's place must each name what the file is, in one line, and
exit with 1. The bytes at the beginning are those that the formats' own documentation gives.
"""

import bz2
import gzip
import io
import lzma
import os
import pickle
import subprocess
import sys
import tarfile
import zipfile

MODEL = """func.func @f() -> tensor<4x4xf32> {
  %w = nm.param "w" : tensor<4x4xf32>
  return %w : tensor<4x4xf32>
}
"""


def tar():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("weights.bin")
        info.size = 4
        archive.addfile(info, io.BytesIO(b"1234"))
    return out.getvalue()


def zipped(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


# Name of the file, its bytes, words of the message; whether it may be a model, for which nm-run
# has MLIR's own messages.
CASES = [
    ("lfs.safetensors", b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 123\n",
     ["Git LFS", "git lfs pull"], True),
    ("page.safetensors", b"<!DOCTYPE html><html><head><title>Sign in</title></head></html>",
     ["web page", "download failed"], False),
    ("late.npz", b"\xef\xbb\xbf\n  <HTML>no</HTML>", ["web page"], False),
    ("denied.npz", b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", ["XML"], False),
    ("weights.h5", b"\x89HDF\r\n\x1a\n" + bytes(64), ["HDF5", "h5py"], False),
    # torch/serialization.py: MAGIC_NUMBER = 0x1950a86a20f9469cfc6c, protocol 2.
    ("old.pt", pickle.dumps(0x1950a86a20f9469cfc6c, protocol=2) + pickle.dumps(1001, protocol=2),
     ["the pickle of the machine", "ends without STOP"], False),
    ("list.pkl", pickle.dumps([1, 2, 3], protocol=4), ["Python pickle", "not run"], False),
    ("net.tflite", b"\x1c\0\0\0TFL3" + bytes(32), ["TensorFlow Lite"], False),
    ("net.safetensors.gz", gzip.compress(b"abc"), ["gzip", "gunzip"], False),
    ("net.xz", lzma.compress(b"abc"), ["xz"], False),
    ("net.bz2", bz2.compress(b"abc"), ["bzip2"], False),
    ("net.zst", b"\x28\xb5\x2f\xfd\x04\x00" + bytes(16), ["zstd"], False),
    ("net.7z", b"7z\xbc\xaf\x27\x1c" + bytes(16), ["7z"], False),
    ("net.tar", tar(), ["tar archive"], False),
    ("net.so", b"\x7fELF\x02\x01\x01" + bytes(64), ["executable or a library"], False),
    ("other.zip", zipped({"readme.txt": "hello"}), ["zip archive", "readme.txt"], False),
    ("script.pt", zipped({"m/data.pkl": pickle.dumps({}, protocol=2), "m/constants.pkl": b""}),
     ["TorchScript", "state_dict"], False),
    ("config.json", b'{"architectures": ["LlamaForCausalLM"]}', ["weight_map"], False),
    ("notes.safetensors", b"these are my notes", ["text file"], True),
    ("model.mlir", MODEL.encode(), ["MLIR", "nm-run FILE"], True),
    ("model.mlirbc", b"ML\xefR\x0dMLIR22\0" + bytes(16), ["MLIR bytecode"], True),
    ("noise.bin", bytes(range(128, 256)), ["noise.bin"], True),
]


def run(*arguments):
    return subprocess.run(arguments, capture_output=True, text=True, errors="replace")


def main():
    os.makedirs(sys.argv[1], exist_ok=True)
    os.chdir(sys.argv[1])
    with open("f.mlir", "w") as out:
        out.write(MODEL)
    failures = []
    for name, data, words, may_be_model in CASES:
        with open(name, "wb") as out:
            out.write(data)
        ways = [["nm-run", "f.mlir", "--params", name]]
        # What may be a model is read as one.
        if not name.endswith((".mlir", ".mlirbc")):
            ways.append(["nm-inspect", name])
        if not may_be_model:
            ways.append(["nm-run", name])
        for way in ways:
            done = run(*way)
            good = done.returncode == 1 and not done.stdout and done.stderr.count("\n") == 1
            good = good and done.stderr.startswith("error: ") and name in done.stderr
            if way != ["nm-run", name]:
                good = good and all(word in done.stderr for word in words)
            if not good:
                failures.append(f"{' '.join(way)}: {done.returncode}: {done.stderr}")
    for failure in failures:
        print(failure)
    print(f"{len(CASES)} files, {len(failures)} failures")


main()
