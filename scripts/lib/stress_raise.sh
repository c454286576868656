#!/usr/bin/env bash
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# usage: scripts/stress raise [--count N] [--seed S] [--only N] [--fused N] [--jobs N]
# Random attentions in linalg, 20000 if nothing is said, raised and compiled, against an interpreter in
# float64. --only makes program N of the seed again and prints it.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

stress_with nm-opt "$@"
/usr/bin/python3 test/Differential/Inputs/raise_stress.py --count 20000 --min-raised 0.4 "$@"
