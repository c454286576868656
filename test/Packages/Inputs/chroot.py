# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A clean Debian of this machine's own sources, in which a script runs as root.

usage: chroot.py check                              says why there can be none, with exit code 1
       chroot.py run <script> [<folder>=<place>...] runs a script of bash there; folders are seen at places, read-only

What the system needs is made once and kept below $NM_BUILD/chroot for a day, packages that were fetched for longer. Each
run has its own copy, which is gone afterwards; $NM_OUT is a folder that both see.
"""

import fcntl
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

DAY = 24 * 3600


def release():
    found = re.search(r'^VERSION_CODENAME="?([a-z]+)', pathlib.Path("/etc/os-release").read_text(encoding="utf-8"), re.M)
    return found[1] if found else None


def sources():
    """apt's own lists of this release: not those of others that are added to it."""
    pattern = re.compile(rf"(?<![\w-]){release()}(-security|-updates)?\b")
    lists = [pathlib.Path("/etc/apt/sources.list"), *sorted(pathlib.Path("/etc/apt/sources.list.d").glob("*"))]
    return [path for path in lists if path.suffix in (".list", ".sources") and path.is_file()
            and pattern.search(path.read_text(encoding="utf-8"))]


def proxies():
    """How this machine's apt reaches its mirror."""
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    return [line for line in dump.splitlines() if re.match(r'Acquire::\S*Proxy\S* ".+";', line)]


def obstacle():
    """Why there can be no clean system here, or None."""
    if os.geteuid() != 0:
        return "it takes root"
    for program in ("mmdebstrap", "unshare", "chroot"):
        if not shutil.which(program):
            return f"{program} is not installed"
    if not release() or not sources():
        return "apt has no source of this Debian's release"
    if subprocess.run(["unshare", "--mount", "--pid", "--fork", "mount", "-t", "tmpfs", "none", "/mnt"],
                      capture_output=True).returncode:
        return "no file system can be mounted"
    return None


def base(folder):
    """The archive of a system with apt and no more."""
    archive = folder / "base.tar"
    if archive.exists() and time.time() - archive.stat().st_mtime < DAY:
        return archive
    made = folder / "base.new.tar"
    options = [f"--aptopt={line}" for line in proxies()]
    done = subprocess.run(["mmdebstrap", "--variant=minbase", "--skip=cleanup/apt/lists", "--include=ca-certificates",
                           *options, release(), made, *map(str, sources())], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"error: no clean {release()} could be made\n{done.stderr}")
    made.rename(archive)
    return archive


INSIDE = """
set -e
root=$1 script=$2
shift 2
mount --make-rprivate /
for place; do
  mkdir -p "$root/${place#*=}"
  mount --bind "${place%%=*}" "$root/${place#*=}"
  [ "${place#*=}" = out ] || [ "${place#*=}" = var/cache/apt/archives ] || mount -o remount,bind,ro "$root/${place#*=}"
done
mount -t proc proc "$root/proc"
mkdir -p "$root/dev/shm"
mount -t tmpfs shm "$root/dev/shm"
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
  chroot "$root" /bin/bash -euo pipefail -c "$script"
"""


def run(script, places):
    folder = pathlib.Path(os.environ["NM_BUILD"]) / "chroot"
    (folder / "archives/partial").mkdir(parents=True, exist_ok=True)
    # apt locks the folder of what it fetches, and does not wait: one run at a time.
    with open(folder / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return run_alone(folder, script, places)


def remove(*roots):
    subprocess.run(["rm", "-rf", "--one-file-system", *roots], check=False)


def run_alone(folder, script, places):
    remove(*folder.glob("root-*"))  # of a run that was killed
    archive = base(folder)
    root = pathlib.Path(tempfile.mkdtemp(dir=folder, prefix="root-"))
    try:
        root.chmod(0o755)
        subprocess.run(["tar", "-xf", archive, "-C", root], check=True)
        shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
        (root / "etc/apt/apt.conf.d/90test").write_text(
            "\n".join(['APT::Keep-Downloaded-Packages "true";', 'APT::Sandbox::User "root";', *proxies(), ""]))
        # Nobody minds if it is lost in a crash.
        (root / "etc/dpkg/dpkg.cfg.d/test").write_text("force-unsafe-io\n")
        places = [f"{folder / 'archives'}=var/cache/apt/archives", *places]
        return subprocess.run(["unshare", "--mount", "--pid", "--fork", "bash", "-c", INSIDE, "chroot", root, script,
                               *places], stdin=subprocess.DEVNULL).returncode
    finally:
        remove(root)


def main():
    if sys.argv[1] == "check":
        reason = obstacle()
        if reason:
            sys.exit(f"no clean Debian can be made here: {reason}")
        return
    script, places = pathlib.Path(sys.argv[2]).read_text(encoding="utf-8"), sys.argv[3:]
    sys.exit(run(script, places))


if __name__ == "__main__":
    main()
