//===- AttentionPeers.cpp - Attention by the dense libraries -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionPeers.h"
#include <cmath>
#include <cstdlib>
#include <dlfcn.h>

using namespace nm::bench;

namespace {

// The C interfaces, from the libraries' documentation.
using Sgemm = void (*)(int order, int transA, int transB, int m, int n, int k,
                       float alpha, const float *a, int lda, const float *b,
                       int ldb, float beta, float *c, int ldc);
using DnnlSgemm = int (*)(char transA, char transB, int64_t m, int64_t n,
                          int64_t k, float alpha, const float *a, int64_t lda,
                          const float *b, int64_t ldb, float beta, float *c,
                          int64_t ldc);
constexpr int kRowMajor = 101, kNoTrans = 111, kTrans = 112;

int64_t causalOffset(const AttentionCase &a) {
  return a.isCausal ? a.keys - a.queries + 1 : a.keys;
}
float scaleOf(const AttentionCase &a) {
  return 1.0f / std::sqrt(float(a.width));
}

} // namespace

void AttentionPeer::run(const AttentionCase &a, const AttentionData &data,
                        float *out, float *scratch) const {
  for (int64_t h = 0; h < a.heads; ++h) {
    int64_t g = h / (a.heads / a.kvHeads);
    head(a, &data.q[h * a.queries * a.width], &data.k[g * a.keys * a.width],
         &data.v[g * a.keys * a.width], out + h * a.queries * a.width, scratch);
  }
}

std::vector<AttentionPeer> nm::bench::loadAttentionPeers(int threads) {
  std::string count = std::to_string(threads);
  for (const char *name : {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"})
    setenv(name, count.c_str(), 1);
  auto load = [](const char *name) {
    return dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
  };
  std::vector<AttentionPeer> peers;
  if (void *library = load("libopenblas.so.0"))
    if (auto gemm = reinterpret_cast<Sgemm>(dlsym(library, "cblas_sgemm")))
      peers.push_back({"openblas", [=](const AttentionCase &a, const float *q,
                                       const float *k, const float *v,
                                       float *out, float *logits) {
                         int n = a.queries, s = a.keys, d = a.width;
                         gemm(kRowMajor, kNoTrans, kTrans, n, s, d, 1, q, d, k,
                              d, 0, logits, s);
                         softmaxRows(logits, n, s, causalOffset(a), scaleOf(a),
                                     threads);
                         gemm(kRowMajor, kNoTrans, kNoTrans, n, d, s, 1, logits,
                              s, v, d, 0, out, d);
                       }});
  if (void *library = load("libdnnl.so.2"))
    if (auto gemm = reinterpret_cast<DnnlSgemm>(dlsym(library, "dnnl_sgemm")))
      peers.push_back(
          {"onednn", [=](const AttentionCase &a, const float *q, const float *k,
                         const float *v, float *out, float *logits) {
             int64_t n = a.queries, s = a.keys, d = a.width;
             gemm('N', 'T', n, s, d, 1, q, d, k, d, 0, logits, s);
             softmaxRows(logits, n, s, causalOffset(a), scaleOf(a), threads);
             gemm('N', 'N', n, d, s, 1, logits, s, v, d, 0, out, d);
           }});
  return peers;
}
