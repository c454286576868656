#!/usr/bin/env bash
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# usage: scripts/stress passes [--count N] [--seed S] [--keep FOLDER]
# Modules of the test tree, mutated, through each pass alone: N for each pass (3,500 over all of
# them if nothing is said), and 100 N damaged texts through the parsers. A fault prints its seed; --keep
# writes the module that it was found with.
set -euo pipefail
export NM_MUTATE_COUNT=130
while (($#)); do
  case $1 in
    --count) export NM_MUTATE_COUNT=$2 ;;
    --seed) export NM_MUTATE_SEED=$2 ;;
    --keep) export NM_MUTATE_KEEP=$2 ;;
    *) echo "error: found '$1', expected --count, --seed or --keep" >&2; exit 1 ;;
  esac
  shift 2
done
exec "${NM_BUILD:-build/release}/unittests/bin/NMPassTests" --gtest_filter='Mutated*'
