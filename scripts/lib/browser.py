# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Pages of reports in a headless Chromium, light or dark.

As a program: browser.py PAGE.html PICTURE.png [dark] takes a picture of the beginning of a page.
"""

import pathlib
import subprocess
import sys
import tempfile

SIZE = 1280, 1180


def run(page, options, dark=False):
    """Opens a page as a file, without a network; returns what Chromium prints."""
    with tempfile.TemporaryDirectory() as profile:
        command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
                   "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={profile}",
                   f"--window-size={SIZE[0]},{SIZE[1]}", f"--blink-settings=preferredColorScheme={0 if dark else 1}",
                   *options, pathlib.Path(page).resolve().as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode:
        sys.exit(f"error: chromium fails: {done.stderr.strip()[-500:]}")
    return done.stdout


def picture(page, path, dark=False):
    run(page, [f"--screenshot={pathlib.Path(path).resolve()}"], dark)


if __name__ == "__main__":
    picture(sys.argv[1], sys.argv[2], sys.argv[3:] == ["dark"])
