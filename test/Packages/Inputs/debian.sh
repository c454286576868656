# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# In a clean Debian: installs nm's packages from /packages, uses each, and removes them. Results go to /out.
install() { apt-get -q install -y --no-install-recommends "$@" >/tmp/apt.log 2>&1 || { cat /tmp/apt.log; exit 1; }; }
ours() { find /usr /etc /var/lib/dpkg/info /lib | grep -E '/(lib)?nm[-_](tools|runtime|run|compile|opt|sim|dev)|python3-nm|/nm(/|$)' |
  grep -vE '^/usr/bin/nm$' || true; }
before=$(ours)
cd /out

echo "the tools alone"
install /packages/nm-tools_*.deb
nm-run /in/model.onnx --prune=2:4 --input x=/in/x.npy --output tool.npy 2>&1
diff <(nm-inspect --print-device=edge) <(nm-inspect --print-device=/usr/share/nm/devices/edge.json)
for tool in nm-run nm-compile nm-inspect nm-sim nm-explore nm-pifo nm-opt nm-translate nm-lsp-server; do
  $tool --version >/dev/null
  zcat "/usr/share/man/man1/$tool.1.gz" | grep -q "^.TH"
  test -s "/usr/share/bash-completion/completions/$tool"
done
! ls /usr/lib/*/libclang* /usr/include/nm 2>/dev/null

echo "the Python package"
install /packages/libnm-runtime0_*.deb /packages/python3-nm_*.deb gcc libc6-dev
cat >four.py <<'PYTHON'
import nm, numpy as np
model = nm.compile("/in/model.onnx", prune="2:4", output="/out/model.nm")
y = model(np.load("/in/x.npy"))
np.save("/out/python.npy", y), y.tofile("/out/python.bin")
PYTHON
python3 four.py

echo "a caller in C"
install /packages/libnm-runtime-dev_*.deb pkg-config
gcc -std=c99 -O2 -Wall -Werror /usr/share/doc/nm/examples/callers/caller.c -o /tmp/caller $(pkg-config --cflags --libs nm-runtime)
/tmp/caller model.nm /in/x.bin c.bin
NM_BUILD=/usr CC=gcc /usr/share/doc/nm/examples/callers/run.sh --work-dir /tmp/callers c python 2>&1

echo "the C++ libraries"
install /packages/libnm-dev_*.deb cmake ninja-build clang-22
cp -r /consumer /tmp/consumer
cmake -G Ninja -S /tmp/consumer -B /tmp/build -DCMAKE_CXX_COMPILER=clang++-22 >/tmp/cmake.log 2>&1 || { cat /tmp/cmake.log; exit 1; }
cmake --build /tmp/build >/tmp/build.log || { cat /tmp/build.log; exit 1; }
/tmp/build/consumer

apt-get -q purge -y nm-tools libnm-runtime0 libnm-runtime-dev libnm-dev python3-nm >/tmp/apt.log 2>&1
left=$(comm -13 <(sort <<<"$before") <(ours | sort) | sed '/^$/d')
echo "removed: $(grep -c . <<<"$left" || true) files stay"
printf '%s\n' "$left"
