# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# usage: fuzz-seeds.sh <folder fuzz of the sources>
set -euo pipefail
for binary in "$1"/seeds/fuzz-isa-binary/*; do
  name=$(basename "$binary")
  [[ $name != copy.* ]] || continue
  nm-translate --binary-to-asm "$binary" | diff - "$1/seeds/fuzz-isa-assembly/$name"
  nm-translate --binary-to-json "$binary" | diff - "$1/seeds/fuzz-isa-json/$name"
  nm-translate --asm-to-binary "$1/seeds/fuzz-isa-assembly/$name" | cmp - "$binary"
  nm-sim "$1/seeds/fuzz-simulator/$name" --target="$1/Inputs/device.json" --timing-only --report
  echo "$name runs"
done
