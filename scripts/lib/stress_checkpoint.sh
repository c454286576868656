#!/usr/bin/env bash
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# usage: scripts/stress checkpoint [--count N] [--seed S]
# Damaged checkpoints of every format (safetensors with masks and compressed weights, sharded ones, npy,
# npz, torch.save in both forms), 500 if nothing is said, are opened, inspected and loaded: each gives one clear message
# or tensors within the file. More than 4 GiB of memory, or a fifth of a second each, is a fault.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

count=500 seed=$(date +%s)
while (($#)); do
  case $1 in
    --count | --seed)
      [[ ${2:-} =~ ^[0-9]{1,9}$ ]] || die "$1 needs a number, found '${2:-}'"
      if [[ $1 == --count ]]; then count=$2; else seed=$2; fi
      shift ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; die "unknown option '$1'" ;;
  esac
  shift
done
tests=${NM_BUILD:-build/release}/unittests/bin/NMRuntimeTests
[[ -x $tests ]] || die "there is no $tests; build NMRuntimeTests"
echo "$count damaged checkpoints, seed $seed"
# A sixth for each format.
NM_STRESS_COUNT=$(((count + 5) / 6)) NM_STRESS_SEED=$seed \
  "$tests" --gtest_filter='MutatedCheckpoints.*' --gtest_brief=1
