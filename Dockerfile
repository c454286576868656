# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# nm from nothing but Debian: docker build -t nm . && docker run --rm -v "$PWD:/work" nm nm-run model.onnx --prune=2:4
FROM debian:bookworm AS build
COPY . /src
WORKDIR /src
RUN scripts/setup
RUN cmake --preset release -DNM_BUILD_TESTS=OFF
RUN cmake --build --preset release
RUN cd build/release && cpack

FROM debian:bookworm
COPY --from=build /src/build/release/packages/*.deb /packages/
RUN apt-get update && apt-get install -y --no-install-recommends /packages/nm-tools_*.deb /packages/libnm-runtime0_*.deb /packages/python3-nm_*.deb gcc libc6-dev && rm -rf /packages /var/lib/apt/lists/*
WORKDIR /work
