#!/usr/bin/env bash
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# usage: scripts/stress sizes [--seeds A,B,...] [--programs N] [--calls N]
# Random programs of dynamic sizes, called on arrays before guard pages with sizes, gaps and offsets
# that agree and that do not (default: seeds 1 to 10, 100 programs each, 200 calls of each).
set -euo pipefail
export PATH="$(cd "${NM_BUILD:-build/release}/bin" && pwd):$PATH"
(($#)) || set -- --seeds 1,2,3,4,5,6,7,8,9,10 --programs 100 --calls 200
exec /usr/bin/python3 test/Differential/Inputs/dynamic_sizes.py "$@"
