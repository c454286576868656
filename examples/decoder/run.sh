#!/usr/bin/env bash
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Compiles a decoder from one ONNX file twice, for a prompt and for one word with caches, and lets it write.
# The tools come from $NM_BUILD/bin (default build/release).
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: examples/decoder/run.sh [option...] WORD...
  --model FILE      ONNX: inputs words [batch, length], positions [batch, length] and caches of `past` rows; outputs
                    logits and the caches that grew (default: GPT-2's form with random weights)
  --sizes NAME      of the random one: small (default), or gpt2 for those of GPT-2 small
  --vocabulary FILE a word a line (default: w0, w1, ...)
  --caches PAIR     names of outputs and inputs, * being the same text (default 'present*=past*')
  --count COUNT     of words to write (default 16)
  --prune N:M       prune the weights by magnitude
  --threads COUNT   default: all processors
  --work-dir DIR    default build/examples/decoder
USAGE
}

model='' sizes=small vocabulary='' caches='present*=past*' count=16 prune=() threads=$(nproc) work='' words=()
while (($#)); do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --model | --sizes | --vocabulary | --caches | --count | --prune | --threads | --work-dir)
      if (($# < 2)); then
        echo "error: $1 needs a value" >&2
        exit 1
      fi ;;&
    --model) model=$(realpath -m "$2"); shift ;;
    --sizes) sizes=$2; shift ;;
    --vocabulary) vocabulary=$(realpath -m "$2"); shift ;;
    --caches) caches=$2; shift ;;
    --count) count=$2; shift ;;
    --prune) prune=(--prune "$2"); shift ;;
    --threads) threads=$2; shift ;;
    --work-dir) work=$(realpath -m "$2"); shift ;;
    -*)
      echo "error: unknown option '$1'" >&2
      usage >&2
      exit 1 ;;
    *) words+=("$1") ;;
  esac
  shift
done
if [[ -n $model && -z $vocabulary ]]; then
  echo "error: --model needs its --vocabulary" >&2
  exit 1
fi

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=$(realpath -m "${NM_BUILD:-build/release}")
work=${work:-build/examples/decoder}
source examples/common.sh
need_built "$build/bin/nm-compile" "$build/lib/libnm_runtime.so"
mkdir -p "$work"
if [[ -z $model ]]; then
  model=$work/random.onnx vocabulary=$work/vocabulary.txt
  "${PYTHON:-/usr/bin/python3}" examples/decoder/random_model.py "$sizes" "$model" "$vocabulary"
fi
((${#words[@]})) || words=($(head -n 4 "$vocabulary"))

for each in prompt,past=0 token,length=1; do
  "$build/bin/nm-compile" "$model" "${prune[@]}" --in-place "$caches" --size batch=1 --size "${each#*,}" \
    --weights "$work/${each%,*}.nmw" -o "$work/${each%,*}.so"
done
"${CC:-cc}" ${CFLAGS:-} -std=c11 -O2 -Wall -Wextra -Iinclude examples/decoder/decode.c -o "$work/decode" \
  -L"$build/lib" -lnm_runtime -Wl,-rpath,"$build/lib"
OMP_NUM_THREADS=$threads "$work/decode" "$work/prompt.so" "$work/token.so" "$count" "$vocabulary" "${words[@]}"
