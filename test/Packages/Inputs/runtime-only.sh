# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# In a clean Debian without MLIR: builds /src with NM_RUNTIME_ONLY, installs it, and builds /consumer with it by find_package
# and by pkg-config.
quiet() { "$@" >/tmp/log 2>&1 || { cat /tmp/log; exit 1; }; }
quiet apt-get -q install -y --no-install-recommends cmake ninja-build clang-22 lld-22 libomp-22-dev nlohmann-json3-dev libzip-dev \
  zipcmp zipmerge ziptool libpcap-dev pkg-config dpkg-dev file
! ls /usr/lib/llvm-22/lib/cmake/mlir /usr/lib/llvm-22/lib/cmake/llvm /usr/lib/llvm-22/lib/libMLIR* 2>/dev/null && echo "no MLIR"
export CC=clang-22 CXX=clang++-22
quiet cmake -G Ninja -S /src -B /tmp/build -DNM_RUNTIME_ONLY=ON -DNM_BUILD_TESTS=OFF -DCMAKE_BUILD_TYPE=Release
quiet cmake --build /tmp/build
quiet cmake --install /tmp/build --prefix /opt/nm
echo "built and installed"
quiet cmake -G Ninja -S /consumer -B /tmp/consumer -DCMAKE_PREFIX_PATH=/opt/nm
quiet cmake --build /tmp/consumer
/tmp/consumer/consumer
export PKG_CONFIG_PATH=/opt/nm/lib/pkgconfig
clang-22 -Wall -Werror /consumer/consumer.c -o /tmp/by-pkg-config $(pkg-config --cflags --libs nm-runtime)
LD_LIBRARY_PATH=/opt/nm/lib /tmp/by-pkg-config
cd /tmp/build
quiet cpack
ls packages
