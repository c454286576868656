#!/usr/bin/env bash
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# usage: scripts/stress attention [--count N] [--seed S]
# Random attentions, N of each kind (400 if nothing is said): NaN and infinities in masks at keys that windows hide,
# by the reference and the fused kernels; and all forms on simulated accelerators, against float64.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

count=400 seed=1
while (($#)); do
  case $1 in
    --count) count=${2:?--count needs a number}; shift ;;
    --seed) seed=${2:?--seed needs a number}; shift ;;
    -h | --help) usage; exit 0 ;;
    *) die "found '$1'; expected --count N or --seed S" ;;
  esac
  shift
done
bin=$root/${NM_BUILD:-build/release}/bin
[[ -x $bin/nm-opt && -x $bin/nm-run ]] || die "there is no $bin/nm-opt or nm-run; build them"
export PYTHONDONTWRITEBYTECODE=1 PATH="$bin:$llvm_bin:$PATH"
inputs=$root/test/Differential/Inputs failed=0
# Modules of forty: a compiler's time grows with the functions.
for ((at = 0; at < count; at += 40)); do
  number=$((count - at < 40 ? count - at : 40))
  /usr/bin/python3 "$inputs/attention_hidden.py" --count "$number" --seed "$((seed + at / 40))" || failed=1
done
/usr/bin/python3 "$inputs/attention_accelerator.py" --count "$count" --seed "$seed" || failed=1
exit "$failed"
