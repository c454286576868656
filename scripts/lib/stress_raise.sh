#!/usr/bin/env bash
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# usage: scripts/stress raise [--count N] [--seed S] [--only N] [--fused N] [--jobs N]
# Random attentions in linalg, 20000 if nothing is said, raised and compiled, against an interpreter in
# float64. --only makes program N of the seed again and prints it.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

[[ ${1:-} != -h && ${1:-} != --help ]] || { usage; exit 0; }
bin=$root/${NM_BUILD:-build/release}/bin
[[ -x $bin/nm-opt ]] || die "there is no $bin/nm-opt; build nm-opt"
export PYTHONDONTWRITEBYTECODE=1 PATH="$bin:$llvm_bin:$PATH"
/usr/bin/python3 test/Differential/Inputs/raise_stress.py --count 20000 --min-raised 0.4 "$@"
