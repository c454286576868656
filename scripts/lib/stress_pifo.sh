#!/usr/bin/env bash
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# usage: scripts/stress pifo [--count N] [--seed S] [--jobs N]
# Random policies on random traffic, and queue management, against models on unbounded numbers: 1,000 if nothing is said.
set -euo pipefail
build=${NM_BUILD:-build/release}
for model in codel_model early_model curves_model random_policies random_changes; do
  /usr/bin/python3 "test/Import/PifoPolicy/Inputs/$model.py" --tool "$build/bin/nm-pifo" --count 1000 "$@"
done
/usr/bin/python3 test/Import/PifoPolicy/Inputs/random_changes.py --tool "$build/bin/nm-pifo" --classes --count 1000 "$@"
for model in near_model transport_model; do
  /usr/bin/python3 "test/Tools/nm-pifo/Inputs/$model.py" --tool "$build/bin/nm-pifo" --count 1000 "$@"
done
/usr/bin/python3 test/Target/PifoBpf/Inputs/bpf_policies.py --tool "$build/bin/nm-pifo" --count 1000 "$@"
