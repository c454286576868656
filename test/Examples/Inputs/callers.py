# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""usage: callers.py FOLDER LANGUAGE...

The callers that run.sh has built: other numbers of rows give the same bytes in each language, threads change nothing,
and what is wrong is an error in the library's words, with exit code 1 and no output.
"""

import os
import pathlib
import subprocess
import sys

ROW = 64 * 4


def run(folder, language, model, data, threads=2):
    (folder / "case.bin").write_bytes(data)
    out = folder / "case.out"
    out.unlink(missing_ok=True)
    done = subprocess.run([folder / language, model, folder / "case.bin", out], capture_output=True, text=True,
                          env={**os.environ, "OMP_NUM_THREADS": str(threads)})
    return done.returncode, done.stderr, out.read_bytes() if out.exists() else None


def expect(condition, *what):
    if not condition:
        sys.exit("error: " + " ".join(map(str, what)))


def main():
    folder, languages = pathlib.Path(sys.argv[1]), sys.argv[2:]
    model, data = folder / "model.so", (folder / "input.bin").read_bytes()
    for rows in (1, 2, 5, 7):
        outputs = {(language, threads): run(folder, language, model, data[:rows * ROW], threads)
                   for language in languages for threads in (1, 2)}
        first = outputs[languages[0], 1]
        expect(first[0] == 0 and len(first[2]) == rows * 32 * 4, rows, "rows:", first)
        for key, found in outputs.items():
            expect(found == first, rows, "rows:", key, "differs:", found[:2])
    for language in languages:
        code, message, out = run(folder, language, folder / "none.so", data)
        expect((code, out) == (1, None) and "none.so: cannot open: No such file" in message, language, code, message)
    # Half a row too many: Python's own reshape refuses it, the others leave it to the library.
    for language in languages:
        code, message, out = run(folder, language, model, data[:ROW + 8])
        words = "cannot reshape" if language == "python" else "264 bytes of memory, expected 512"
        expect((code, out) == (1, None) and message.startswith("error: ") and words in message, language, code, message)
    print(len(languages), "languages agree")


if __name__ == "__main__":
    main()
