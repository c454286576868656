#!/usr/bin/env bash
# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# usage: run.sh [FOLDER]
# Compiles port.policy and forward.c against Debian's libdpdk-dev, sends a capture through them on devices that need no
# hardware, huge pages or privileges, and checks the order of what comes out. Without libdpdk it says so and does nothing.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=${1:-$(mktemp -d)}
mkdir -p "$folder"
if ! pkg-config --exists libdpdk 2> /dev/null; then
  echo "skipped: no libdpdk; install Debian's libdpdk-dev"
  exit 0
fi
cd "$folder"
nm-translate --import-pifo-policy "$here/port.policy" -o port.mlir
nm-translate --pifo-to-c-header port.mlir -o port.h
nm-opt port.mlir --pifo-to-cpu | nm-translate --mlir-to-llvmir -o port.ll
clang -O2 -Wno-override-module -c port.ll -o port.o
read -ra flags <<< "$(pkg-config --cflags libdpdk)"
read -ra libraries <<< "$(pkg-config --libs libdpdk)"
clang -O2 -Wall -Wextra -I. -I"$here" "${flags[@]}" "$here/forward.c" port.o "${libraries[@]}" -o forward
eal=(--no-huge --no-pci --no-telemetry --no-shconf -m 64 -l 0 --log-level=error)
"${PYTHON:-/usr/bin/python3}" "$here/check.py" write in.pcap
./forward "${eal[@]}" --vdev net_pcap0,rx_pcap=in.pcap,tx_pcap=out.pcap -- 8
"${PYTHON:-/usr/bin/python3}" "$here/check.py" read in.pcap out.pcap 8 256
# A ring device gives back what is sent to it: nothing comes, nothing leaves, and all starts and stops.
./forward "${eal[@]}" --vdev net_ring0 -- 8
