#!/usr/bin/env bash
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# usage: rtl-mutants.sh ROOT WORK tree|hierarchy
# Breaks one line of the hardware after the other, and shows that the comparison finds it.
set -euo pipefail
root=$1 work=$2 kind=$3
if [[ $kind == tree ]]; then
  file=nm_pifo_tree_level.sv options=(--ways 2 --levels 3)
  mutants=(
    "s/passes <= write .*;/passes <= '0;/"                         # a node read in the cycle in which it is written
    "s/fresh <= in_fresh;/fresh <= in_fresh \\&\\& 1'b0;/"         # what is left in a node that is empty
    's/RANK_BITS\] <= element/RANK_BITS] >= element/'              # the larger of two stays
    's/refill_count <= count - ONE;/refill_count <= count;/'       # a pop does not count
  )
else
  file=nm_pifo_hierarchy.sv options=(--depth 4 --queues 9 --ways 2 --levels 3)
  mutants=(
    's/: push ? parent :/: push \&\& up_packet ? parent :/'         # the walk up stays in the second queue
    's/up_ranks <= up_ranks >> RANK_BITS;/up_ranks <= up_ranks;/'  # one rank for all levels
    's/if (up_last \&\& !request) rooted/if (load \&\& !request) rooted/'  # promised before it has come to the root
  )
fi
for mutant in "${mutants[@]}"; do
  rm -rf "$work"
  mkdir -p "$work"
  cp -r "$root/lib/Target/SystemVerilog/rtl" "$work/rtl"
  sed -i "$mutant" "$work/rtl/$file"
  if cmp -s "$work/rtl/$file" "$root/lib/Target/SystemVerilog/rtl/$file"; then
    echo "no such line: $mutant"
    exit 1
  fi
  timeout 100 "$root/scripts/pifo-rtl" "$kind" "${options[@]}" --cycles 100000 --rtl "$work/rtl" --work "$work/run" >"$work/log" 2>&1 || true
  grep -o "mismatch in cycle" "$work/log" || { cat "$work/log"; echo "not found: $mutant"; exit 1; }
done
