# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# What the examples share. Sourced, after `set -euo pipefail`.

# take_options NAMES FLAGS ARGUMENT...: reads `--NAME VALUE` into a variable of that name (that of --work-dir is
# `work`) and `--FLAG` as true. Both are lists in one word. The script has a function `usage`.
take_options() {
  local names=" $1 " flags=" $2 " name
  shift 2
  while (($#)); do
    name=${1#--}
    if [[ $1 == -h || $1 == --help ]]; then
      usage
      exit 0
    elif [[ $1 == --* && $flags == *" $name "* ]]; then
      printf -v "$name" true
      shift
      continue
    elif [[ $1 != --* || $names != *" $name "* ]]; then
      echo "error: unknown option '$1'" >&2
      usage >&2
      exit 1
    elif (($# < 2)); then
      echo "error: $1 needs a value" >&2
      exit 1
    fi
    case $name in
      work-dir) work=$(realpath -m "$2") ;;
      package) package=$(realpath -m "$2") ;;
      *) printf -v "$name" %s "$2" ;;
    esac
    shift 2
  done
}

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
