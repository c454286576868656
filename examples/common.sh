# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# What the examples share. Sourced, after `set -euo pipefail`.

# need_built FILE...: what a build makes, or an error that says how.
need_built() {
  local file
  for file in "$@"; do
    [[ -e $file ]] && continue
    echo "error: $file not found; build with 'cmake --preset release && cmake --build --preset release'" \
      "or set NM_BUILD to the build folder" >&2
    exit 1
  done
}
