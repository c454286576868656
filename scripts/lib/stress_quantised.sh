#!/usr/bin/env bash
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# usage: scripts/stress quantised [--count N] [--seed S] [--only N] [--jobs N]
# Random products by weights of 8 bits with scales of groups and zero points, 500 if nothing is said, bit for
# bit. --only makes model N of the seed again and prints it.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

stress_with nm-run "$@"
exec /usr/bin/python3 test/Differential/Inputs/quantised_stress.py --count 500 "$@"
