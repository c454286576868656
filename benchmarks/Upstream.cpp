//===- Upstream.cpp - The same product by MLIR's own sparsifier -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Upstream.h"
#include "mlir/Dialect/SparseTensor/Pipelines/Passes.h"
#include "mlir/Dialect/SparseTensor/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "nm/Driver/Codegen.h"
#include "nm/Driver/Support.h"
#include "nm/Registration.h"
#include "llvm/Support/FormatVariadic.h"

using namespace nm::bench;
using namespace mlir::nm::driver;

namespace {

/// A memref's descriptor, as the C interface takes it.
template <int Rank> struct Descriptor {
  void *allocated, *aligned;
  int64_t offset = 0;
  int64_t sizes[Rank], strides[Rank];
};

Descriptor<1> describe(void *data, int64_t size) {
  return {data, data, 0, {size}, {1}};
}
Descriptor<2> describe(void *data, int64_t rows, int64_t columns) {
  return {data, data, 0, {rows, columns}, {columns, 1}};
}

std::string moduleText(const ProductCase &p) {
  return llvm::formatv(
      R"(#W = #sparse_tensor.encoding<{{
  map = (i, k) -> (i : dense, k floordiv {3} : dense, k mod {3} : structured[{2}, {3}]), crdWidth = 8
}>
func.func @product(%c: tensor<{5}xi8>, %v: tensor<{5}xf32>, %x: tensor<{1}x{4}xf32>,
    %y: tensor<{0}x{4}xf32>) -> tensor<{0}x{4}xf32> attributes {{llvm.emit_c_interface} {{
  %w = sparse_tensor.assemble (%c), %v : (tensor<{5}xi8>), tensor<{5}xf32> to tensor<{0}x{1}xf32, #W>
  %r = linalg.matmul ins(%w, %x : tensor<{0}x{1}xf32, #W>, tensor<{1}x{4}xf32>)
      outs(%y : tensor<{0}x{4}xf32>) -> tensor<{0}x{4}xf32>
  return %r : tensor<{0}x{4}xf32>
})",
      p.rows, p.depth, p.n, p.m, p.tokens, p.rows * p.depth / p.m * p.n);
}

} // namespace

llvm::Expected<std::unique_ptr<UpstreamProduct>>
UpstreamProduct::compile(const ProductCase &product, const ProductData &data) {
  mlir::DialectRegistry registry;
  mlir::nm::registerDialects(registry);
  mlir::sparse_tensor::registerBufferizableOpInterfaceExternalModels(registry);
  mlir::registerAllExtensions(registry); // their conversions to LLVM
  mlir::registerAllToLLVMIRTranslations(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  auto module =
      mlir::parseSourceString<mlir::ModuleOp>(moduleText(product), &context);
  auto pm = mlir::PassManager::on<mlir::ModuleOp>(&context);
  mlir::sparse_tensor::SparsifierOptions options;
  options.enableRuntimeLibrary = false;
  options.vectorLength = 8;
  mlir::sparse_tensor::buildSparsifier(pm, options);
  if (!module || failed(pm.run(*module)))
    return makeError("upstream's sparsifier did not compile the product");
  auto machine = createTargetMachine("host");
  if (!machine)
    return machine.takeError();
  auto optimize = mlir::makeOptimizingTransformer(3, 0, machine->get());
  mlir::ExecutionEngineOptions engineOptions;
  engineOptions.transformer = optimize;
  engineOptions.jitCodeGenOptLevel = llvm::CodeGenOptLevel::Aggressive;
  auto engine = mlir::ExecutionEngine::create(*module, engineOptions,
                                              std::move(*machine));
  if (!engine)
    return engine.takeError();
  std::unique_ptr<UpstreamProduct> result(new UpstreamProduct);
  result->engine = std::move(*engine);
  result->rows = product.rows;
  result->depth = product.depth;
  result->tokens = product.tokens;
  for (int64_t row = 0; row < product.rows; ++row)
    for (int64_t k = 0; k < product.depth; ++k)
      if (float value = data.w[row * product.depth + k]; value != 0) {
        result->values.push_back(value);
        result->coordinates.push_back(static_cast<int8_t>(k % product.m));
      }
  result->x.resize(data.x.size());
  for (int64_t t = 0; t < product.tokens; ++t)
    for (int64_t k = 0; k < product.depth; ++k)
      result->x[k * product.tokens + t] = data.x[t * product.depth + k];
  result->zeros.resize(product.rows * product.tokens);
  result->y.resize(product.rows * product.tokens);
  return std::move(result);
}

llvm::Expected<double> UpstreamProduct::timeOnce() {
  Descriptor<1> c = describe(coordinates.data(), coordinates.size());
  Descriptor<1> v = describe(values.data(), values.size());
  Descriptor<2> in = describe(x.data(), depth, tokens);
  Descriptor<2> init = describe(zeros.data(), rows, tokens), out;
  void *pointers[] = {&out, &c, &v, &in, &init};
  llvm::SmallVector<void *> arguments;
  for (void *&pointer : pointers)
    arguments.push_back(&pointer);
  Stopwatch watch;
  if (auto error = engine->invokePacked("_mlir_ciface_product", arguments))
    return std::move(error);
  double ms = watch.ms();
  const float *data = static_cast<const float *>(out.aligned) + out.offset;
  std::copy(data, data + y.size(), y.begin());
  // One-shot bufferization copies the destination rather than overwrite an
  // argument.
  if (out.allocated != zeros.data())
    free(out.allocated);
  return ms;
}

std::vector<float> UpstreamProduct::result() const {
  std::vector<float> turned(y.size());
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t t = 0; t < tokens; ++t)
      turned[t * rows + row] = y[row * tokens + t];
  return turned;
}
