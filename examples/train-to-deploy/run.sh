#!/usr/bin/env bash
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Trains a small transformer by a recipe, saves it, and runs it compiled for this processor, dense and
# sparse, and on a simulated accelerator. The tools come from $NM_BUILD/bin (default build/release).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

usage() {
  cat <<'USAGE'
usage: examples/train-to-deploy/run.sh [option...]
  --pattern N:M     of the encoder's six matrices (default 2:4)
  --method NAME     step, sr-ste, asp, mask-decay, s-ste, ... (default step)
  --steps COUNT     of training (default 1500)
  --target NAME     accelerator (default edge)
  --threads COUNT   of the compiled model (default: all processors)
  --work-dir DIR    default build/examples/train-to-deploy
USAGE
}

pattern=2:4 method=step steps=1500 target=edge threads=$(nproc) work=''
take_options "pattern method steps target threads work-dir" "" "$@"
if [[ $method == dense ]]; then
  echo "error: --method dense learns no masks to deploy; expected step, sr-ste, asp, mask-decay," \
    "structure-decay or s-ste" >&2
  exit 1
fi

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
here=examples/train-to-deploy
python=${PYTHON:-/usr/bin/python3}
build=${NM_BUILD:-build/release}
work=${work:-build/examples/train-to-deploy}
need_built "$build/bin/nm-run" "$build/bin/nm-inspect" "$build/lib/libnm_runtime.so"
if ! "$python" -c 'import importlib.util as u, sys; sys.exit(not (u.find_spec("torch") and u.find_spec("sklearn")))'; then
  echo "error: $python has no PyTorch or no scikit-learn; run 'scripts/setup --torch' or set PYTHON" >&2
  exit 1
fi
step() { printf '\n== %s\n\n' "$*"; }

step "training by $method, $pattern"
PYTHONPATH=python NM_RUNTIME_LIBRARY=$build/lib/libnm_runtime.so "$python" "$here/train.py" \
  --output-dir "$work" --method "$method" --pattern "$pattern" --steps "$steps"

step "what was saved"
"$build/bin/nm-inspect" "$work/trained.safetensors"

run() { # name, then options
  local name=$1
  shift
  step "$name"
  "$build/bin/nm-run" "$work/digits.mlir" --params "$work/trained.safetensors" \
    --input "$work/images.npy" --output "$work/$name.npy" --json "$work/$name.json" "$@"
}
run sparse --threads "$threads" --repeat 50
run dense --threads "$threads" --repeat 50 --dense
run "$target" --target "$target"

step "comparison"
"$python" "$here/compare.py" "$work" "this processor, $pattern=$work/sparse.npy=$work/sparse.json" \
  "this processor, dense=$work/dense.npy=$work/dense.json" "$target=$work/$target.npy=$work/$target.json"
