#!/usr/bin/env bash
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# usage: scripts/stress raise [--count N] [--seed S] [--only N] [--fused N] [--jobs N] [--twisted | --spelled]
# Random attentions in linalg, 20000 if nothing is said, raised and compiled, against an interpreter in
# float64: about 16 minutes of a processor. --only makes program N of the seed again and prints it; --twisted
# makes programs with one thing that is not as attention has it, --spelled softmax as no exporter writes it.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

stress_with nm-opt "$@"
least=0.4
[[ " $* " != *" --twisted "* ]] || least=0.1
/usr/bin/python3 test/Differential/Inputs/raise_stress.py --count 20000 --min-raised "$least" "$@"
