#!/usr/bin/env bash
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# usage: tree-mutants.sh ROOT WORK
# Breaks one line of the tree block after the other, and shows that the comparison finds it.
set -euo pipefail
root=$1 work=$2
mutants=(
  "s/passes <= write .*;/passes <= '0;/"                         # a node read in the cycle in which it is written
  "s/fresh <= in_fresh;/fresh <= in_fresh \\&\\& 1'b0;/"         # what is left in a node that is empty
  's/RANK_BITS\] <= element/RANK_BITS] >= element/'              # the larger of two stays
  's/refill_count <= count - ONE;/refill_count <= count;/'       # a pop does not count
)
for mutant in "${mutants[@]}"; do
  rm -rf "$work"
  mkdir -p "$work"
  cp -r "$root/lib/Target/SystemVerilog/rtl" "$work/rtl"
  sed -i "$mutant" "$work/rtl/nm_pifo_tree_level.sv"
  if cmp -s "$work/rtl/nm_pifo_tree_level.sv" "$root/lib/Target/SystemVerilog/rtl/nm_pifo_tree_level.sv"; then
    echo "no such line: $mutant"
    exit 1
  fi
  "$root/scripts/pifo-rtl" tree --ways 2 --levels 3 --cycles 100000 --rtl "$work/rtl" --work "$work/run" >"$work/log" 2>&1 || true
  grep -o "mismatch in cycle" "$work/log" || { cat "$work/log"; echo "not found: $mutant"; exit 1; }
done
