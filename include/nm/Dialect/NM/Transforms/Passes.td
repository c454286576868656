//===- Passes.td - Passes over the nm dialect -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_NM_TRANSFORMS_PASSES_TD
#define NM_DIALECT_NM_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def SelectLayout : Pass<"nm-select-layout", "func::FuncOp"> {
  let summary = "choose the storage layout of every N:M weight and go to storage level";
  let description = [{
    Rewrites `nm.matmul` with an encoded weight to `nm.packed_matmul` on the
    storage of a layout chosen from the shape and the pattern, and folds
    `nm.disassemble` of parameters and constants into packed parameters and
    packed constants. Says by remark (category `nm-select-layout`) what it chose and
    why; a matmul that no layout serves stays, for `nm-lower-to-linalg`.
  }];
  let dependentDialects = ["::mlir::nm::NMDialect", "::mlir::tensor::TensorDialect",
                           "::mlir::arith::ArithDialect"];
  let options = [
    Option<"rows", "rows", "int64_t", "3", "rows of the register tile">,
    Option<"vectors", "vectors", "int64_t", "4", "column vectors of the register tile">,
    Option<"lanes", "lanes", "int64_t", "8", "f32 lanes of a vector register">,
    Option<"depth", "depth", "int64_t", "192",
           "contraction block: depth x vectors x lanes x 4 bytes stay in the L1 cache">
  ];
}

def GenerateKernels : Pass<"nm-generate-kernels", "func::FuncOp"> {
  let summary = "lower nm.packed_matmul on buffers to parallel loops and vector kernels";
  let description = [{
    Generates, for each `nm.packed_matmul` on memrefs, the packing of the dense
    operand into panels, the loops over row and column blocks (`scf.parallel`), and
    a micro-kernel in the vector dialect. See docs/rationale/NM.md for the
    design and the bound of the inner loop.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::vector::VectorDialect",
                           "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
                           "::mlir::affine::AffineDialect"];
  let options = [
    Option<"lanes", "lanes", "int64_t", "8", "f32 lanes of a vector register">,
    Option<"rowBlock", "row-block", "int64_t", "192",
           "rows of the weight that one task handles">,
    Option<"barrier", "barrier", "std::string", "\"x\"",
           "inline-assembly constraint of a vector register: x on x86, w on AArch64, "
           "empty for none">,
    Option<"parallel", "parallel", "bool", "true", "emit scf.parallel">,
    Option<"minParallelFlops", "min-parallel-flops", "int64_t", "2000000",
           "products with fewer floating-point operations stay on one thread">
  ];
}

def ExternalizeParams : Pass<"nm-externalize-params", "ModuleOp"> {
  let summary = "turn checkpoint parameters into trailing function arguments";
  let description = [{
    Every `nm.param` and `nm.packed_param` reachable from a function becomes one
    trailing argument per storage tensor, marked read-only. The module gets the
    attribute `nm.manifest`, a JSON text that lists for each public function which
    parameter, in which layout, each of those arguments takes; the runtime
    library loads and packs by it. Calls within the module pass them on.
  }];
  let dependentDialects = ["::mlir::nm::NMDialect", "::mlir::func::FuncDialect",
                           "::mlir::bufferization::BufferizationDialect"];
}

#endif // NM_DIALECT_NM_TRANSFORMS_PASSES_TD
