#!/usr/bin/env bash
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Compiles a BERT encoder layer at two lengths for an accelerator and lets three tenants share it
# under each of the example policies. The tools come from $NM_BUILD/bin (default build/release).
# usage: examples/tenants/run.sh [device [short [long]]]   default: cloud 128 2048
set -euo pipefail
case ${1:-} in -h | --help) sed -n '5,7s/^# //p' "$0"; exit 0 ;; esac
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
device=${1:-cloud} short=${2:-128} long=${3:-2048}
python=${PYTHON:-/usr/bin/python3}
bin=${NM_BUILD:-build/release}/bin
work=${NM_WORK:-build/examples/tenants}
[[ -x $bin/nm-sim ]] || { echo "error: $bin/nm-sim not found; build first or set NM_BUILD" >&2; exit 1; }

mkdir -p "$work"
compile() { # name, length
  PYTHONDONTWRITEBYTECODE=1 "$python" examples/encoder-layer/encoder.py -o "$work/$1" --pattern 2:4 \
    --mask explicit --seq "$2"
  "$bin/nm-compile" "$work/$1/encoder.mlir" --params "$work/$1/model.safetensors" --target="$device" \
    -o "$work/$1.nmb"
}
compile short "$short"
compile long "$long"
cp examples/tenants/requests.csv "$work"
for policy in edf strict fair; do
  printf '\n== %s\n\n' "$policy"
  "$bin/nm-sim" tenants "$work/requests.csv" --policy="examples/pifo/tiles-$policy.mlir" \
    --target="$device" --json="$work/$policy.json" --trace="$work/$policy.trace.json"
done
