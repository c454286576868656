#!/usr/bin/env bash
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Compiles model.mlir at 2:4 once and runs it from each language that is asked for; their outputs have to be the same bytes.
# The tools come from $NM_BUILD/bin (default build/release).
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: examples/callers/run.sh [--work-dir DIR] [c|c++|rust|go|python...]
  --work-dir DIR    default build/examples/callers
Without languages: all five. They are built by clang-22 (or $CC, $CXX), rustc and go; Python needs NumPy.
USAGE
}

work='' languages=()
while (($#)); do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --work-dir)
      if (($# < 2)); then
        echo "error: $1 needs a value" >&2
        exit 1
      fi
      work=$(realpath -m "$2")
      shift ;;
    c | c++ | rust | go | python) languages+=("$1") ;;
    *)
      echo "error: found '$1', expected c, c++, rust, go or python" >&2
      usage >&2
      exit 1 ;;
  esac
  shift
done
((${#languages[@]})) || languages=(c c++ rust go python)

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$PWD
build=$(realpath -m "${NM_BUILD:-build/release}")
work=${work:-$root/build/examples/callers}
python=${PYTHON:-/usr/bin/python3}
source examples/common.sh
need_built "$build/bin/nm-compile" "$build/lib/libnm_runtime.so"
mkdir -p "$work"
cd examples/callers

link=(-L"$build/lib" -lnm_runtime -Wl,-rpath,"$build/lib")
make_c() { "${CC:-clang-22}" -std=c99 -O2 -Wall -Wextra -I"$root/include" caller.c -o "$work/c" "${link[@]}"; }
make_c++() { "${CXX:-clang++-22}" -std=c++17 -O2 -Wall -Wextra -I"$root/include" caller.cpp -o "$work/c++" "${link[@]}"; }
make_rust() { rustc -O -D warnings -C "linker=${CC:-clang-22}" caller.rs -o "$work/rust" -L "native=$build/lib" -C link-arg="-Wl,-rpath,$build/lib"; }
make_go() {
  (cd go && env GOFLAGS=-mod=mod GOPROXY=off GOCACHE="$work/go-cache" CC="${CC:-clang-22}" CGO_ENABLED=1 \
    CGO_CFLAGS="-I$root/include" CGO_LDFLAGS="${link[*]}" go build -o "$work/go" .)
}
make_python() {
  printf '#!/bin/sh\nPYTHONPATH=%q NM_RUNTIME_LIBRARY=%q exec %q %q "$@"\n' \
    "$root/python" "$build/lib/libnm_runtime.so" "$python" "$PWD/caller.py" >"$work/python"
  chmod +x "$work/python"
}

"$python" weights.py make "$work/weights.npz" "$work/input.bin"
"$build/bin/nm-compile" model.mlir --params "$work/weights.npz" --prune 2:4 --weights "$work/model.nmw" -o "$work/model.so"
for language in "${languages[@]}"; do
  "make_$language"
  echo "$language"
  "$work/$language" "$work/model.so" "$work/input.bin" "$work/$language.bin" | sed 's/^/  /'
  cmp "$work/${languages[0]}.bin" "$work/$language.bin"
done
"$python" weights.py check "$work/weights.npz" "$work/input.bin" "$work/${languages[0]}.bin" >/dev/null
echo "${#languages[@]} languages, the same bytes, as NumPy's within 1e-4"
