//===- LlamaPeers.cpp - Products of quantised weights by llama.cpp -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LlamaPeers.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <cstring>
#include <dlfcn.h>

using namespace nm::bench;

namespace {

// The C interface, from ggml.h, ggml-backend.h and ggml-cpu.h.
struct InitParams {
  size_t size;
  void *buffer;
  bool noAlloc;
};
struct ThreadpoolParams {
  bool cpuMask[512];
  int threads;
  int priority;
  uint32_t poll;
  bool strict, paused;
};

struct Functions {
  void *(*init)(InitParams);
  void (*free)(void *);
  void *(*newTensor)(void *, int, int64_t, int64_t);
  void *(*mulMat)(void *, void *, void *);
  void *(*newGraph)(void *);
  void (*buildForward)(void *, void *);
  size_t (*quantize)(int, const float *, void *, int64_t, int64_t, int64_t,
                     const float *);
  void *(*data)(void *);
  size_t (*bytes)(void *);
  ThreadpoolParams (*threadpoolParams)(int);
  int (*compute)(void *backend, void *graph);
  void *(*cpuInit)();
  void (*setThreads)(void *, int);
  void (*setThreadpool)(void *, void *);
  void *(*newThreadpool)(ThreadpoolParams *);
  void (*freeBackend)(void *);
  void (*freeThreadpool)(void *);
  void (*pause)(void *);
  void (*resume)(void *);
};

struct Type {
  const char *name;
  int number;
  const char *dequantize; ///< the function that widens it
};
constexpr Type kTypes[] = {{"f16", 1, "ggml_fp16_to_fp32_row"},
                           {"q4_0", 2, "dequantize_row_q4_0"},
                           {"q8_0", 8, "dequantize_row_q8_0"},
                           {"q4_K", 12, "dequantize_row_q4_K"}};

using Dequantize = void (*)(const void *, float *, int64_t);

class LlamaProduct : public Llama::Product {
public:
  LlamaProduct(const Functions &ggml, void *backend, void *pool, void *context,
               Dequantize dequantize)
      : ggml(ggml), backend(backend), pool(pool), context(context),
        dequantize(dequantize) {}
  ~LlamaProduct() override { ggml.free(context); }

  void run() override { ggml.compute(backend, graph); }
  void wake() override { ggml.resume(pool); }
  void rest() override { ggml.pause(pool); }
  std::vector<float> result() const override {
    auto *from = static_cast<float *>(ggml.data(y));
    return std::vector<float>(from, from + tokens * rows);
  }
  std::vector<float> weight() const override {
    std::vector<float> wide(size_t(rows * depth));
    dequantize(ggml.data(w), wide.data(), rows * depth);
    return wide;
  }
  double bytes() const override { return double(ggml.bytes(w)); }

  const Functions &ggml;
  void *backend, *pool, *context;
  Dequantize dequantize;
  void *w = nullptr, *x = nullptr, *y = nullptr, *graph = nullptr;
  int64_t rows = 0, depth = 0, tokens = 0;
};

class LoadedLlama : public Llama {
public:
  ~LoadedLlama() override {
    if (backend)
      ggml.freeBackend(backend);
    if (pool)
      ggml.freeThreadpool(pool);
  }

  std::string variant() const override { return name; }

  llvm::Error load(const std::string &folder, int threads) {
    llvm::SmallString<256> path(folder);
    llvm::sys::path::append(path, "libggml-base.so");
    base = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (!base)
      return llvm::createStringError("no library of llama.cpp: %s", dlerror());
    if (!findBest(folder))
      return llvm::createStringError(
          "%s: no libggml-cpu-*.so suits this processor", folder.c_str());
    if (llvm::Error error = bind())
      return error;
    backend = ggml.cpuInit();
    // Threads that stay, as its programs have them.
    ThreadpoolParams params = ggml.threadpoolParams(threads);
    pool = ggml.newThreadpool(&params);
    ggml.setThreads(backend, threads);
    ggml.setThreadpool(backend, pool);
    return llvm::Error::success();
  }

  llvm::Expected<std::unique_ptr<Product>> product(const std::string &type,
                                                   const std::vector<float> &w,
                                                   const std::vector<float> &x,
                                                   int64_t rows, int64_t depth,
                                                   int64_t tokens) override {
    const Type *known = llvm::find_if(
        kTypes, [&](const Type &candidate) { return type == candidate.name; });
    if (known == std::end(kTypes))
      return llvm::createStringError("llama.cpp: unknown type '%s'",
                                     type.c_str());
    auto dequantize =
        reinterpret_cast<Dequantize>(dlsym(base, known->dequantize));
    if (!dequantize)
      return llvm::createStringError("llama.cpp: no function %s",
                                     known->dequantize);
    size_t size = size_t(rows * depth * 2 + (rows + depth) * tokens * 8) +
                  (size_t(64) << 20);
    void *context = ggml.init({size, nullptr, false});
    auto made = std::make_unique<LlamaProduct>(ggml, backend, pool, context,
                                               dequantize);
    made->rows = rows;
    made->depth = depth;
    made->tokens = tokens;
    made->w = ggml.newTensor(context, known->number, depth, rows);
    made->x = ggml.newTensor(context, 0, depth, tokens);
    ggml.quantize(known->number, w.data(), ggml.data(made->w), 0, rows, depth,
                  nullptr);
    std::memcpy(ggml.data(made->x), x.data(), x.size() * sizeof(float));
    made->y = ggml.mulMat(context, made->w, made->x);
    made->graph = ggml.newGraph(context);
    ggml.buildForward(made->graph, made->y);
    return made;
  }

private:
  /// Loads the library whose ggml_backend_score is the highest.
  bool findBest(const std::string &folder) {
    int bestScore = 0;
    std::error_code code;
    for (llvm::sys::fs::directory_iterator it(folder, code), end;
         !code && it != end; it.increment(code)) {
      llvm::StringRef file = llvm::sys::path::filename(it->path());
      if (!file.consume_front("libggml-cpu-") || !file.consume_back(".so"))
        continue;
      void *library = dlopen(it->path().c_str(), RTLD_NOW | RTLD_LOCAL);
      if (!library)
        continue;
      auto score =
          reinterpret_cast<int (*)()>(dlsym(library, "ggml_backend_score"));
      int own = score ? score() : 0;
      if (own <= bestScore)
        continue;
      bestScore = own;
      cpu = library;
      name = file.str();
    }
    return cpu != nullptr;
  }

  template <typename Function>
  void bind(void *library, const char *symbol, Function &function,
            std::string &missing) {
    function = reinterpret_cast<Function>(dlsym(library, symbol));
    if (!function)
      missing += std::string(missing.empty() ? "" : ", ") + symbol;
  }

  llvm::Error bind() {
    std::string missing;
    bind(base, "ggml_init", ggml.init, missing);
    bind(base, "ggml_free", ggml.free, missing);
    bind(base, "ggml_new_tensor_2d", ggml.newTensor, missing);
    bind(base, "ggml_mul_mat", ggml.mulMat, missing);
    bind(base, "ggml_new_graph", ggml.newGraph, missing);
    bind(base, "ggml_build_forward_expand", ggml.buildForward, missing);
    bind(base, "ggml_quantize_chunk", ggml.quantize, missing);
    bind(base, "ggml_get_data", ggml.data, missing);
    bind(base, "ggml_nbytes", ggml.bytes, missing);
    bind(base, "ggml_threadpool_params_default", ggml.threadpoolParams,
         missing);
    bind(base, "ggml_backend_graph_compute", ggml.compute, missing);
    bind(base, "ggml_backend_free", ggml.freeBackend, missing);
    bind(cpu, "ggml_backend_cpu_init", ggml.cpuInit, missing);
    bind(cpu, "ggml_backend_cpu_set_n_threads", ggml.setThreads, missing);
    bind(cpu, "ggml_backend_cpu_set_threadpool", ggml.setThreadpool, missing);
    bind(cpu, "ggml_threadpool_new", ggml.newThreadpool, missing);
    bind(cpu, "ggml_threadpool_free", ggml.freeThreadpool, missing);
    bind(cpu, "ggml_threadpool_pause", ggml.pause, missing);
    bind(cpu, "ggml_threadpool_resume", ggml.resume, missing);
    if (missing.empty())
      return llvm::Error::success();
    return llvm::createStringError("llama.cpp: its libraries lack %s",
                                   missing.c_str());
  }

  void *base = nullptr, *cpu = nullptr, *backend = nullptr, *pool = nullptr;
  std::string name;
  Functions ggml;
};

} // namespace

llvm::Expected<std::unique_ptr<Llama>> Llama::open(const std::string &folder,
                                                   int threads) {
  auto llama = std::make_unique<LoadedLlama>();
  if (llvm::Error error = llama->load(folder, threads))
    return error;
  return llama;
}
