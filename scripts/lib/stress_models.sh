#!/usr/bin/env bash
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# usage: scripts/stress models [--count N] [--seed S] [--only N [--keep FOLDER]] [--jobs N]
# Random models, 1000 if nothing is said, on simulated accelerators and on this processor, against float64.
# --only makes model N of the seed again and prints it; --keep writes its files.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

stress_with nm-run "$@"
exec /usr/bin/python3 test/Differential/Inputs/model_stress.py --count 1000 "$@"
