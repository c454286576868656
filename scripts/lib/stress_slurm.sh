#!/usr/bin/env bash
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# usage: scripts/stress slurm
# The array script of examples/sweep under a Slurm of one node, this machine: the rows of one run.
# Needs Debian's slurmctld, slurmd and slurm-client.
set -euo pipefail
export PATH="$(cd "${NM_BUILD:-build/release}/bin" && pwd):$PATH:/usr/sbin"
for program in sbatch slurmctld slurmd; do
  command -v "$program" > /dev/null || { echo "error: found no $program; install slurmctld, slurmd and slurm-client" >&2; exit 1; }
done
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
/usr/bin/python3 scripts/lib/with_slurm.py "$folder/slurm" sbatch --wait --array=1-3 --output="$folder/task.%a" \
  "$PWD/examples/sweep/sweep.sbatch" "$folder/sweep.csv" --length=512..4K
cat "$folder"/task.*
nm-explore --length=512..4K -o "$folder/sweep.csv" --merge=3
nm-explore --length=512..4K -o "$folder/whole.csv"
cmp "$folder/whole.csv" "$folder/sweep.csv"
echo "the rows of one run"
