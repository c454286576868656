# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""usage: with_slurm.py FOLDER COMMAND...: runs a command where a Slurm of one node, this machine, serves the caller
alone. Everything of it lies in the folder, and ends with the command."""

import getpass
import os
import pathlib
import socket
import subprocess
import sys
import time

folder = pathlib.Path(sys.argv[1]).resolve()
for part in ("state", "spool"):
    (folder / part).mkdir(parents=True, exist_ok=True)
sockets = [socket.create_server(("localhost", 0)) for _ in range(2)]
ports = [s.getsockname()[1] for s in sockets]
for s in sockets:
    s.close()
user, host = getpass.getuser(), socket.gethostname()
(folder / "slurm.conf").write_text(f"""
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_res
SelectTypeParameters=CR_CPU
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
ReturnToService=2
MpiDefault=none
NodeName={host} NodeAddr=127.0.0.1 CPUs={os.cpu_count()} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
""")
environment = dict(os.environ, SLURM_CONF=str(folder / "slurm.conf"),
                   PATH=os.environ["PATH"] + ":/usr/sbin:/sbin")
daemons = []
try:
    for name, options in (("slurmctld", []), ("slurmd", ["-N", host])):
        log = open(folder / f"{name}.log", "w")
        daemons.append(subprocess.Popen([name, "-D", *options], env=environment, stdout=log, stderr=log))
    for _ in range(300):
        state = subprocess.run(["sinfo", "-h", "-o", "%T"], env=environment, capture_output=True, text=True).stdout
        if "idle" in state:
            break
        time.sleep(0.1)
    else:
        sys.exit("the node never became idle; the logs are in " + str(folder))
    code = subprocess.run(sys.argv[2:], env=environment, timeout=300).returncode
finally:
    for daemon in reversed(daemons):
        daemon.terminate()
        daemon.wait(60)
sys.exit(code)
