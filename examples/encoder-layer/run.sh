#!/usr/bin/env bash
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Makes an N:M sparse BERT encoder layer, compiles and runs it, and compares it with the dense
# compile of the same model and with NumPy. The tools come from $NM_BUILD/bin (default build/release).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

usage() {
  cat <<'USAGE'
usage: examples/encoder-layer/run.sh [option...]
  --pattern N:M    sparsity pattern (default 2:4)
  --mask FORM      derived, explicit or compressed-tensors (default derived)
  --seq LENGTH     sequence length (default 128)
  --threads COUNT  default: all processors
  --repeat COUNT   timed runs (default 20)
  --preset NAME    bert-base or tiny (default bert-base)
  --work-dir DIR   default build/examples/encoder-layer
  --verbose        print the checkpoint, passes, layouts and times of each run, not only the result
  --check          check the options and end
USAGE
}

pattern=2:4 mask=derived seq='' threads=$(nproc) repeat=20 preset=bert-base work=''
verbose=false check=false
take_options "pattern mask seq threads repeat preset work-dir" "verbose check" "$@"

refuse() { # option, value, what is expected
  echo "error: $1 is '$2'; expected $3" >&2
  exit 1
}
[[ $pattern =~ ^([1-9][0-9]?):([1-9][0-9]?)$ ]] && ((BASH_REMATCH[1] <= BASH_REMATCH[2] && BASH_REMATCH[2] <= 64)) ||
  refuse --pattern "$pattern" "N:M with 1 <= N <= M <= 64, such as 2:4"
case $mask in derived | explicit | compressed-tensors) ;;
  *) refuse --mask "$mask" "derived, explicit or compressed-tensors" ;; esac
case $preset in bert-base | tiny) ;; *) refuse --preset "$preset" "bert-base or tiny" ;; esac
for option in seq threads repeat; do
  [[ $option == seq && -z $seq ]] || [[ ${!option} =~ ^[1-9][0-9]{0,5}$ ]] ||
    refuse "--$option" "${!option}" "a number of at least 1"
done
if $check; then exit 0; fi

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
here=examples/encoder-layer
python=${PYTHON:-/usr/bin/python3}
bin=${NM_BUILD:-build/release}/bin
nm_run=$bin/nm-run
work=${work:-build/examples/encoder-layer}

need_built "$nm_run"
if ! "$python" -c 'import numpy' 2>/dev/null; then
  echo "error: $python has no NumPy; install python3-numpy or set PYTHON" >&2
  exit 1
fi

step() { printf '\n== %s\n\n' "$*"; }

# What leads to the result: into a log unless it is to be seen.
mkdir -p "$work"
log=$work/run.log
: >"$log"
show() {
  if $verbose; then
    "$@"
  elif ! "$@" >>"$log" 2>&1; then
    tail -n 40 "$log" >&2
    echo "error: '$1' failed; the whole output is in $log" >&2
    return 1
  fi
}

run_nm() { # output, report, then more options
  local output=$1 report=$2
  shift 2
  show "$nm_run" "$work/encoder.mlir" --params "$work/model.safetensors" --input "$work/input.npy" \
    --output "$output" --expect "$work/expected.npy" --rtol 2e-5 --atol 2e-5 \
    --repeat "$repeat" --threads "$threads" --report --json "$report" "$@"
}

step "checkpoint, model and reference"
show "$python" "$here/encoder.py" --output-dir "$work" --preset "$preset" --pattern "$pattern" \
  --mask "$mask" ${seq:+--seq "$seq"}

step "what the checkpoint holds"
show "$bin/nm-inspect" "$work/model.safetensors"

step "compiled for $pattern"
run_nm "$work/output.npy" "$work/sparse.json"

step "compiled dense"
run_nm "$work/output-dense.npy" "$work/dense.json" --dense

step "comparison"
OPENBLAS_NUM_THREADS=$threads "$python" "$here/compare.py" --model "$work/model.safetensors" \
  --input "$work/input.npy" --expected "$work/expected.npy" --actual "$work/output.npy" \
  --report "nm, $pattern=$work/sparse.json" --report "nm, dense=$work/dense.json" \
  --repeat "$repeat" --json "$work/comparison.json"
