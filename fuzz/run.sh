#!/usr/bin/env bash
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Gives every fuzzer of a build a bounded run on top of its seeds.
# usage: fuzz/run.sh <folder of the fuzzers> [libFuzzer options...]
# default options: -runs=20000 -max_total_time=10
set -euo pipefail

(($# >= 1)) || { sed -n '5,7s/^# //p' "$0" >&2; exit 2; }
bin=$1
shift
(($# > 0)) || set -- -runs=20000 -max_total_time=10
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

failed=0
for seeds in "$here"/seeds/*; do
  name=$(basename "$seeds")
  mkdir -p "$work/$name"
  printf '%-26s' "$name"
  if [[ ! -e $bin/$name ]]; then
    echo "not in this build"
    continue
  fi
  words=()
  [[ ! -e $here/Inputs/$name.dict ]] || words=("-dict=$here/Inputs/$name.dict")
  if "$bin/$name" "$work/$name" "$seeds" "${words[@]}" -timeout=10 -rss_limit_mb=2048 \
    -artifact_prefix="./$name-crash-" "$@" >"$work/$name.log" 2>&1; then
    grep -Eo 'Done [0-9]+ runs in [0-9]+ second\(s\)' "$work/$name.log" || echo ok
  else
    echo FAILED
    tail -n 40 "$work/$name.log"
    failed=1
  fi
done
exit $failed
