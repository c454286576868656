# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# What the scripts share. Sourced, after `set -euo pipefail`.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
llvm_bin=/usr/lib/llvm-22/bin
cd "$root"

# A heading with the time since the script began.
step() { printf '\n== %s  [%d:%02d]\n' "$*" $((SECONDS / 60)) $((SECONDS % 60)); }

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Prints the comment at the head of the calling script, which is its help.
usage() { sed -n '/^# usage:/,/^[^#]/{/^#/!d;s/^# \{0,1\}//;p}' "$0"; }

# stress_with TOOL [options...]: --help, or the tools of the build first in PATH.
stress_with() {
  local tool=$1 bin=$root/${NM_BUILD:-build/release}/bin
  shift
  [[ ${1:-} != -h && ${1:-} != --help ]] || { usage; exit 0; }
  [[ -x $bin/$tool ]] || die "there is no $bin/$tool; build $tool"
  export PYTHONDONTWRITEBYTECODE=1 PATH="$bin:$llvm_bin:$PATH"
}

# configure PRESET: quiet unless it fails.
configure() {
  local log=build/$1-configure.log
  mkdir -p build
  if ! cmake --preset "$@" >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    echo "error: cmake --preset $1 failed; the whole output is in $log" >&2
    return 1
  fi
}

# build PRESET TARGET...
build() {
  local preset=$1
  shift
  cmake --build --preset "$preset" --target "$@"
}

# verilate TOP FOLDER STORE OPTIMISATION ARGUMENT...: FOLDER/obj/testbench from modules and C++, by clang; lint
# warnings are errors. What Verilator links to every design is compiled once where there is a folder STORE, and
# what runs once, a third of the code, is not optimised.
verilate() {
  local top=$1 folder=$2 store=$3 level=$4 object slow
  shift 4
  store=$store/verilated-$(verilator --version | cksum | cut -d ' ' -f 1)
  mkdir -p "$folder/obj"
  if ! {
    verilator -Wall --cc --exe -O3 --x-assign fast --x-initial fast --noassert -j 1 \
      --top-module "$top" --Mdir "$folder/obj" "$@" -o testbench &&
      for slow in "$folder"/obj/*__Slow.cpp; do
        sed -i -e '1i #pragma clang optimize off' -e '$a #pragma clang optimize on' "$slow"
      done &&
      # Now: make takes no object that is older than the makefile.
      for object in verilated.o verilated_threads.o; do
        [[ ! -f $store/$object ]] || cp "$store/$object" "$folder/obj"
      done &&
      make -C "$folder/obj" -f "V$top.mk" CXX=clang++-22 LINK=clang++-22 AR="$llvm_bin/llvm-ar" OPT_FAST="$level" \
        OPT_SLOW=-O1 OPT_GLOBAL=-O1
  } >"$folder/log" 2>&1; then
    cat "$folder/log" >&2
    die "verilator failed"
  fi
  [[ -d $(dirname "$store") && ! -f $store/verilated_threads.o ]] || return 0
  mkdir -p "$store"
  # Whole files only: others may build at the same time.
  for object in verilated.o verilated_threads.o; do
    cp "$folder/obj/$object" "$store/$object.$$"
    mv "$store/$object.$$" "$store/$object"
  done
}

# The C++ sources that are ours, one per line.
sources() {
  local folder folders=()
  for folder in include lib tools unittests fuzz benchmarks test; do
    [[ ! -d $folder ]] || folders+=("$folder")
  done
  find "${folders[@]}" \( -name '*.h' -o -name '*.cpp' -o -name '*.c' \) | sort
}
