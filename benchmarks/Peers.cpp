//===- Peers.cpp - The dense libraries that products are compared with -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Peers.h"
#include <cstdlib>
#include <dlfcn.h>

using namespace nm::bench;

namespace {

// The C interfaces, from the libraries' documentation.
using Sgemm = void (*)(int order, int transA, int transB, int m, int n, int k,
                       float alpha, const float *a, int lda, const float *b,
                       int ldb, float beta, float *c, int ldc);
using Sgemv = void (*)(int order, int trans, int m, int n, float alpha,
                       const float *a, int lda, const float *x, int incx,
                       float beta, float *y, int incy);
using DnnlSgemm = int (*)(char transA, char transB, int64_t m, int64_t n,
                          int64_t k, float alpha, const float *a, int64_t lda,
                          const float *b, int64_t ldb, float beta, float *c,
                          int64_t ldc);
constexpr int kRowMajor = 101, kNoTrans = 111, kTrans = 112;

void *load(const char *name) {
  return dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
}

void addCblas(std::vector<Peer> &peers, const char *name, void *library) {
  if (!library)
    return;
  auto gemm = reinterpret_cast<Sgemm>(dlsym(library, "cblas_sgemm"));
  auto gemv = reinterpret_cast<Sgemv>(dlsym(library, "cblas_sgemv"));
  if (!gemm || !gemv)
    return;
  peers.push_back({name, [=](const float *x, const float *w, float *y,
                             int64_t tokens, int64_t rows, int64_t depth) {
                     if (tokens == 1)
                       gemv(kRowMajor, kNoTrans, rows, depth, 1, w, depth, x, 1,
                            0, y, 1);
                     else
                       gemm(kRowMajor, kNoTrans, kTrans, tokens, rows, depth, 1,
                            x, depth, w, depth, 0, y, rows);
                   }});
}

} // namespace

std::vector<Peer> nm::bench::loadPeers(int threads) {
  std::string count = std::to_string(threads);
  for (const char *name :
       {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "BLIS_NUM_THREADS"})
    setenv(name, count.c_str(), 1);
  std::vector<Peer> peers;
  addCblas(peers, "openblas", load("libopenblas.so.0"));
  addCblas(peers, "blis", load("libblis.so.4"));
  if (void *library = load("libdnnl.so.2")) {
    auto gemm = reinterpret_cast<DnnlSgemm>(dlsym(library, "dnnl_sgemm"));
    if (gemm)
      peers.push_back(
          {"onednn", [=](const float *x, const float *w, float *y,
                         int64_t tokens, int64_t rows, int64_t depth) {
             gemm('N', 'T', tokens, rows, depth, 1, x, depth, w, depth, 0, y,
                  rows);
           }});
  }
  return peers;
}
