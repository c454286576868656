#!/usr/bin/env bash
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# usage: scripts/stress monotonic [--pairs N] [--seed S]
# Pairs of random machines of which one has at least as much of everything: nothing that the cost
# model finds the best, attention, products or the paper's mappings, by time, energy or both, may
# be worse there. 41,000 pairs if nothing is said.
set -euo pipefail
pairs=41000 seed=1
while (($#)); do
  case $1 in
    --pairs) pairs=${2:?--pairs needs a number}; shift ;;
    --seed) seed=${2:?--seed needs a number}; shift ;;
    -h | --help) sed -n '5,8s/^# //p' "$0"; exit 0 ;;
    *) echo "found '$1'; expected --pairs N or --seed S" >&2; exit 1 ;;
  esac
  shift
done
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for ((found = 0; found < pairs; ++seed)); do
  if ! NM_SEED=$seed "${NM_BUILD:-build/release}/unittests/bin/NMModelTests" --gtest_filter='Monotonic*' >"$log" 2>&1; then
    cat "$log"
    echo "FAILED with seed $seed"
    exit 1
  fi
  more=$(awk '$2 == "pairs" { sum += $1 } END { print sum }' "$log")
  found=$((found + more))
  echo "seed $seed: $found pairs, none is worse"
done
