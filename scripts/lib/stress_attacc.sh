#!/usr/bin/env bash
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# usage: scripts/stress attacc [--count N] [--seed S]
# Random programs full of special values, the simulator against an interpreter written from
# docs/attacc-isa.md, each bit of the results: 10,000 if nothing is said.
set -euo pipefail
count=10000 seed=1
while (($#)); do
  case $1 in
    --count) count=${2:?--count needs a number}; shift ;;
    --seed) seed=${2:?--seed needs a number}; shift ;;
    -h | --help) sed -n '5,7s/^# //p' "$0"; exit 0 ;;
    *) echo "found '$1'; expected --count N or --seed S" >&2; exit 1 ;;
  esac
  shift
done
NM_STRESS_PROGRAMS=$count NM_STRESS_SEED=$seed exec \
  "${NM_BUILD:-build/release}/unittests/bin/NMSimulatorTests" --gtest_filter='Interpreter.AgreesOnRandomPrograms'
