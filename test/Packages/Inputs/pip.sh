# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# In a clean Debian: `pip install .` of /src with the build in /build, then four lines. What the tools link and nm-compile
# links with comes first (docs/installing.md).
apt-get -q install -y --no-install-recommends python3-venv python3-numpy libmlir-22 libomp5-19 libzip4 libpcap0.8 gcc libc6-dev \
  >/tmp/apt.log 2>&1 || { cat /tmp/apt.log; exit 1; }
python3 -m venv --system-site-packages /tmp/venv
. /tmp/venv/bin/activate
cd /src
# pip has nowhere to go: what it needs is in the tree.
NM_BUILD=/build PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_PROXY=http://127.0.0.1:9 pip install --quiet .
cd /out
cat >four.py <<'PYTHON'
import nm, numpy as np
model = nm.compile("/in/model.onnx", prune="2:4")
y = model(np.load("/in/x.npy"))
np.save("y.npy", y)
PYTHON
python3 four.py
python3 -c "import nm, numpy; print('installed', nm.__path__[0]); y = numpy.load('y.npy'); print('y is', y.shape, y.dtype)"
