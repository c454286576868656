//===- Passes.td - Passes over the nm dialect -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_NM_TRANSFORMS_PASSES_TD
#define NM_DIALECT_NM_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def AttachTarget : Pass<"nm-attach-target", "ModuleOp"> {
  let summary = "describe the processor to generate code for";
  let description = [{
    Sets the module attribute `nm.target` to a `#nm.cpu<...>`, from which
    `nm-select-layout` and `nm-generate-kernels` derive vector width, register tiles,
    cache blocks and the instructions to permute with. A description that is
    already there stays. Without one they take that of this machine.
  }];
  let dependentDialects = ["::mlir::nm::NMDialect"];
  let options = [
    Option<"target", "target", "std::string", "\"host\"",
           "host, x86-64, x86-64-avx2, x86-64-avx512, aarch64-neon, aarch64-sve256, or a "
           "#nm.cpu<...>">
  ];
}

def SelectLayout : Pass<"nm-select-layout", "func::FuncOp"> {
  let summary = "choose the storage layout of every N:M weight and go to storage level";
  let description = [{
    Rewrites `nm.matmul` with an encoded weight to `nm.packed_matmul` on the
    storage of a layout chosen from the shape and the pattern, and folds
    `nm.disassemble` of parameters and constants into packed parameters and
    packed constants. Vector width, register tile and contraction block follow
    from the target's description (`nm.target`, see `nm-attach-target`). All layouts
    are asked what the product costs by them; the cheapest is taken. Says by
    remark (category `nm-select-layout`) what it chose, which facts decided, and why
    not the others; a matmul that no layout serves stays, for `nm-lower-to-linalg`. Batch dimensions
    that cannot be rows, such as those of a weight on the left, become loops.
  }];
  let dependentDialects = ["::mlir::nm::NMDialect", "::mlir::tensor::TensorDialect",
                           "::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect"];
  let options = [
    Option<"rows", "rows", "int64_t", "0",
           "rows of the register tile, 0: as the target's registers allow">,
    Option<"vectors", "vectors", "int64_t", "0",
           "column vectors of the register tile, 0: as the target's registers allow">,
    Option<"maxLaneColumns", "max-lane-columns", "int64_t", "6",
           "products with at most this many columns, a number that is known, use the lane layout">,
    Option<"maxGroupedColumns", "max-grouped-columns", "int64_t", "16",
           "products of integers in groups with at most this many columns use the grouped layout, "
           "which rounds activations to 8 bits in groups of 32; 0: none">,
    Option<"twoLayouts", "two-layouts", "bool", "true",
           "products whose columns are known only at run time may keep their weight in the lane "
           "and in the panel layout, in memory both; false: panels alone">,
    Option<"depth", "depth", "int64_t", "0",
           "contraction block, 0: as many rows of a panel as fill half of "
           "the target's L1 cache">
  ];
}

def GenerateKernels : Pass<"nm-generate-kernels", "func::FuncOp"> {
  let summary = "lower nm.packed_matmul on buffers to parallel loops and vector kernels";
  let description = [{
    Generates, for each `nm.packed_matmul` on memrefs, the packing of the dense
    operand into panels, the loops over row and column blocks (`scf.parallel`), and
    micro-kernels (`kernel.tile_product` for panels; the lane layout goes to the vector
    dialect at once). See docs/rationale/NM.md for the
    design and the bound of the inner loop.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::vector::VectorDialect",
                           "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
                           "::mlir::affine::AffineDialect", "::mlir::kernel::KernelDialect"];
  let options = [
    Option<"rowBlock", "row-block", "int64_t", "0",
           "rows of the weight that one task handles, 0: as the target's L2 and cores say">,
    Option<"parallel", "parallel", "bool", "true", "emit scf.parallel">,
    Option<"minParallelFlops", "min-parallel-flops", "int64_t", "-1",
           "products with fewer floating-point operations stay on one thread, -1: the target's">
  ];
}

def ExternalizeParams : Pass<"nm-externalize-params", "ModuleOp"> {
  let summary = "turn checkpoint parameters into trailing function arguments";
  let description = [{
    Every `nm.param` and `nm.packed_param` reachable from a function becomes one
    trailing argument per storage tensor, marked read-only and as `nm.param`. The module gets the
    attribute `nm.manifest`, a JSON text that lists for each public function which
    parameter, in which layout, each of those arguments takes; the runtime
    library loads and packs by it. Calls within the module pass them on.
  }];
  let dependentDialects = ["::mlir::nm::NMDialect", "::mlir::func::FuncDialect",
                           "::mlir::bufferization::BufferizationDialect"];
}

def TableParams : Pass<"nm-table-params", "ModuleOp"> {
  let summary = "pass the parameters of a public function in one table";
  let description = [{
    On buffers: the arguments that nm-externalize-params added to a public function become
    one, the last, a pointer to an array of pointers: the data of each, in their order. What reads
    a parameter loads its pointer right before. A model of many layers has as many arguments as one of
    few, and nothing is live from its entry to its end, which code generators take more than
    linear time for. Private functions, which calls within the module name, keep their
    arguments; a public function that is called within the module gets a private body.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::func::FuncDialect"];
}

def RearrangeWeights : Pass<"nm-rearrange-weights", "func::FuncOp"> {
  let summary = "weights that are transposed and reshaped before a product are read in its order";
  let description = [{
    Where nm-raise would stop on its way from a product up to a parameter, because a
    reshape merges or splits dimensions, as that of a convolution's kernel to a matrix does:
    if nothing but the order of the elements changes, the operand becomes an `nm.param`
    with a derived key (docs/runtime.md), and the loader rearranges it. So it is packed, and
    pruned along the product's sum, as any other.

    Remarks (category `nm-rearrange-weights`) name the parameter.
  }];
  let dependentDialects = ["::mlir::nm::NMDialect"];
}

def FoldDequantize : Pass<"nm-fold-dequantize", "func::FuncOp"> {
  let summary = "integer weights with scales of groups and zero points become floats when they are loaded";
  let description = [{
    Where nm-raise would stop on its way from a product up to a weight, because a scale
    follows the sum, a zero point is subtracted or the integers have no sign, the model's
    own operations say how 8 bits become a float:

    ```
    result = (values - zero) * scale
    ```

    through reshapes, broadcasts, conversions and bodies in any split. The weight becomes an
    `nm.param` with a derived key (docs/runtime.md), which the loader works out by the same
    operations, each rounded to the type that the model computes in; so it is packed, and
    has its N:M pattern, as any other. Of constants the result is a constant. What holds
    arguments, or anything else, stays as it is. A scale for each row of signed integers
    stays in the product, and the weight in 8 bits.

    Remarks (category `nm-fold-dequantize`) name integers, zero point and scale.
  }];
  let dependentDialects = ["::mlir::nm::NMDialect", "::mlir::arith::ArithDialect"];
}

def DeclareSparsity : Pass<"nm-declare-sparsity", "ModuleOp"> {
  let summary = "find the N:M pattern of checkpoint parameters and declare it";
  let description = [{
    Looks every dense `nm.param` of rank 2 or more up in the checkpoint of its scope
    and finds its pattern: the one that the checkpoint says it was trained with
    (docs/recipes.md), else the tightest N:M along each axis, in the explicit mask
    if there is one, else in the values. A parameter with a pattern becomes an encoded `nm.param`
    and `nm.decompress`, which `nm-raise` takes. The axis is that of the contraction
    where the parameter's users show it, else that of the tightest pattern. Every
    parameter of a bound scope is checked: a missing key, or another element type
    or shape than the checkpoint's, is an error, as are a mask suffix that no tensor
    has, and the policies `derive` and `require` where nothing says a pattern: not
    `pattern`, not the type of a parameter and, for `require`, no mask.

    Remarks (category `nm-declare-sparsity`) say pattern, density and source of
    each, or why a parameter stays dense. Nothing of the checkpoint enters the IR.
  }];
  let dependentDialects = ["::mlir::nm::NMDialect"];
  let options = [
    ListOption<"params", "params", "std::string",
               "checkpoints, as `path` or `scope=path`">,
    ListOption<"patterns", "pattern", "std::string",
               "instead of detecting one: `N:M` is required of every matrix that is not a look-up "
               "table, along its contraction; `KEY=N:M` of the keys that match KEY (`*` is any text, "
               "`?` one character); `KEY=dense` leaves them dense. The first that fits counts">,
    Option<"quantize", "quantize", "std::string", "\"\"",
           "`i4:G` or `i8:G`, G 32, 64 or 128: f32 matrices, 2:4, 1:4 or dense, are integers of four or "
           "eight bits with a scale for every G elements along the contraction, to which the loader "
           "rounds them; `keep`: those whose values are made so are">,
    Option<"maskPolicy", "mask-policy", "std::string", "\"if-present\"",
           "if-present: explicit masks, else values; require: explicit masks only; derive: as "
           "if-present, but with `pattern` the largest magnitudes are taken at load; ignore: values">,
    ListOption<"maskSuffixes", "mask-suffixes", "std::string",
               "suffixes of mask tensors, in place of the runtime library's defaults">,
    Option<"masks", "masks", "std::string", "\"\"",
           "a file of masks beside those of the weights, which is looked into first">,
    Option<"bitOrder", "mask-bit-order", "std::string", "\"lsb\"",
           "order of bits in bit-packed masks: lsb or msb">
  ];
}

def ResolveGlobals : Pass<"nm-resolve-globals", "ModuleOp"> {
  let summary = "replace loads of ml_program globals by their values";
  let description = [{
    What exporters write at the head of a module: a global that nobody loads goes away, one
    that is loaded becomes its initial value, and an external one
    (`#ml_program.extern`) becomes the `nm.param` whose key is the global's name.
    The module is the whole program, so a mutable global that nothing stores to is a constant.
    A store, which would keep state between calls, is an error.
  }];
  let dependentDialects = ["::mlir::nm::NMDialect", "::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect"];
}

def BindArguments : Pass<"nm-bind-arguments", "ModuleOp"> {
  let summary = "make checkpoint parameters of the arguments that name one";
  let description = [{
    Exporters that lift weights out of the module pass them as arguments. An argument with the
    attribute `nm.param = "key"`, and `nm.scope = "scope"` if its checkpoint has a name, is
    taken off the function and becomes an `nm.param` in its body; calls within the module lose
    the operand. The tensor must have a static shape.
  }];
  let dependentDialects = ["::mlir::nm::NMDialect"];
}

def Raise : Pass<"nm-raise", "func::FuncOp"> {
  let summary = "turn matrix products whose weight is N:M into nm.matmul";
  let description = [{
    Takes every `linalg` contraction over one dimension, named or generic, in any
    operand order, whose operands are extended exactly: `linalg.matmul` and
    `linalg.batch_matmul` with their transposed forms, `linalg.contract`, `matvec`,
    `vecmat`, and generics. TOSA goes through `tosa-to-linalg-named` first.

    Either operand is followed through transposes, broadcasts over the batch,
    extensions (`extf`, `extsi`, and `sitofp` of i8), casts and reshapes by unit
    dimensions to a tensor that is known to be N:M along the contraction:

    * `nm.decompress` of an encoded tensor, or `nm.prune`;
    * any value whose operation, or function argument, has the attribute
      `nm.sparsity = #nm.sparsity<...>`;
    * a constant in which a pattern is found.

    On the way to the weight, multiplications by a scalar or by a tensor that does not
    run along the contraction, the scales of quantised weights, are left behind: the
    epilogue multiplies the sum instead, in f32. Where the model would have rounded
    each scaled weight to bf16 or f16, the result is closer to the exact one.

    `nm.matmul` then reads that tensor itself. The other operand is followed the same
    way, as far as `nm.matmul` can read it. A destination of zeros is dropped;
    another one, or what was broadcast into it, becomes an epilogue operand.
    The sum is accumulated in f32 (i32), also where linalg would round it to
    bf16 or f16 at every step.

    Remarks (category `nm-raise`) name pattern, sizes and how the pattern is known,
    or what stood between a product and its weight.
  }];
  let dependentDialects = ["::mlir::nm::NMDialect", "::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect"];
  let options = [
    Option<"dense", "dense", "bool", "false",
           "also take dense parameters and constants, as #nm.sparsity<1:1>">,
    Option<"detect", "detect", "bool", "true", "look for patterns in constants">
  ];
}

def FuseEpilogue : Pass<"nm-fuse-epilogue", "func::FuncOp"> {
  let summary = "fuse elementwise consumers into the epilogue of nm.matmul";
  let description = [{
    Bias, activation, scale, residual and conversions that follow an `nm.matmul`, as
    elementwise `linalg` operations, move into its epilogue region: one after another,
    or several at once when they start from the product and join again in one
    result (`x * sigmoid(x)`). A reshape between product and consumer moves below
    the consumer, whose other operands are reshaped instead. A product whose
    value is needed by itself stays as it is; nothing is computed twice.
  }];
  let dependentDialects = ["::mlir::nm::NMDialect", "::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect"];
}

def LowerToLinalg : Pass<"nm-lower-to-linalg", "ModuleOp"> {
  let summary = "reference lowering of the logical operations to linalg";
  let description = [{
    Lowers everything but `nm.packed_matmul` and parameters to linalg, tensor and
    arith, written to be read: the oracle of the differential tests, and what
    serves products that no layout serves. An encoded tensor becomes its dense
    tensor, in signatures as well; `nm.assemble` decodes its storage and
    `nm.disassemble` encodes it. Exact for under-full groups.

    `nm.compress` of a value that is not known to satisfy the pattern checks it
    when it runs: `cf.assert` with the message "nm.compress: a group of M holds
    more than N non-zeros". An encoded `nm.param` becomes `nm.packed_param` in
    layout `dense`, so that the loader verifies the pattern.
  }];
  let dependentDialects = ["::mlir::nm::NMDialect", "::mlir::arith::ArithDialect",
                           "::mlir::cf::ControlFlowDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect"];
}

#endif // NM_DIALECT_NM_TRANSFORMS_PASSES_TD
