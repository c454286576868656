//===- Passes.td - Passes over linalg on the way to CPU code -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_TRANSFORMS_PASSES_TD
#define NM_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def SimplifyLinalg : Pass<"nm-simplify-linalg", "func::FuncOp"> {
  let summary = "fuse elementwise operations and drop what exporters leave behind";
  let description = [{
    Fuses chains of elementwise `linalg.generic`s, removes results that nobody
    reads (the argmax beside a softmax maximum), folds unit dimensions' reshapes
    and forwards fills. Runs after raising, so that it cannot hide a pattern.

    A fused body ends at `max-body` units of work, one for an operation of `arith` and 16
    for one of `math`, which becomes a polynomial: by then loads and stores cost nothing
    beside it, and a longer body costs more than linear time in every later step.
  }];
  let options = [
    Option<"maxBody", "max-body", "int64_t", "256",
           "units of work in a fused loop body">
  ];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::affine::AffineDialect",
                           "::mlir::tensor::TensorDialect", "::mlir::arith::ArithDialect"];
}

def SplitBodies : Pass<"nm-split-bodies", "func::FuncOp"> {
  let summary = "split elementwise operations whose bodies are long";
  let description = [{
    An elementwise `linalg.generic` of more than `max-body` units of work (one for an
    operation of `arith`, 16 for one of `math`) becomes several, cut where few values cross;
    those are tensors between the parts. Register allocation and scheduling
    of a loop body take more than linear time in its length.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"];
  let options = [
    Option<"maxBody", "max-body", "int64_t", "256",
           "units of work in a loop body that stays whole">
  ];
}

def ForwardDestinations : Pass<"nm-forward-destinations", "func::FuncOp"> {
  let summary = "replace bufferization.materialize_in_destination on tensors by its source";
  let description = [{
    On tensors the operation is its source, and says in which tensor's buffer it should end up.
    nm plans buffers itself, and the operation would stand between a product and its
    epilogue. The form that writes to a memref stays.
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect",
                           "::mlir::tensor::TensorDialect"];
}

def SplitDestinations : Pass<"nm-split-destinations", "func::FuncOp"> {
  let summary = "give each user of a tensor.empty one of its own";
  let description = [{
    CSE leaves one `tensor.empty` for each shape, and every result of that shape then
    belongs to one set of possible aliases: bufferization compares each with each, and
    its time grows with the square of a model's length and more. An empty tensor has no
    value to share, so every user gets its own right before bufferization, and the sets
    stay as small as the chains that really reuse a buffer.
  }];
  let dependentDialects = ["::mlir::tensor::TensorDialect"];
}

def CloseLoops : Pass<"nm-close-loops", "func::FuncOp"> {
  let summary = "copy what loops and branches yield into one memory";
  let description = [{
    Bufferization keeps each tensor that `scf.for` or `scf.while` carries in one place, and gives up where
    a step yields another one: a new tensor, one from outside, that of another carried one,
    or a changed one whose old elements are still read. Here such a tensor is copied there
    (`bufferization.materialize_in_destination`, which the elimination of empty tensors
    makes no copy where the step can write there at once); tensors that change places go through
    a copy first. A loop that carries tensors of open sizes checks that they stay
    (`nm.require`). Where the condition of an `scf.while` hands on tensors that it does not carry at the same place, both
    blocks take what is carried and behind it what is handed on, in memory made before the loop; its size must be known there.

    What the two branches of an `scf.if` yield is copied into memory made before it, in the same way, so that it has one
    owner whichever is taken. A size in which they differ is chosen by the condition; where a branch computes it from data, the
    result stays memory of the branch. So does a tensor from outside that one branch changes and the other hands on: it has its memory.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
                           "::mlir::nm::NMDialect", "::mlir::tensor::TensorDialect"];
}

def GrowCaches : Pass<"nm-grow-caches", "func::FuncOp"> {
  let summary = "caches that grow lie in memory with room for more";
  let description = [{
    An argument with `nm.in_place = I : i64` whose result I is the argument with rows behind it
    (`tensor.concat`, `tosa.concat`, or a chain of `tensor.insert_slice`) becomes memory with room: a
    tensor that is as long as the memory, with `nm.grows` saying in which dimension, and an index
    behind the other arguments, how many rows of it are in use. The new rows are inserted behind
    these, what read the concatenation reads a slice, and the result is the whole memory, which
    bufferization leaves where it is. Where an `scf.if` gives result I, one branch may put rows behind those in use, and the other
    as well, or hand on the cache, or fill it from its start with a tensor of its own. One more result is how many rows are in use now
    (`nm.rows` has its number); `nm-return-in-place` puts it in the place of result I. All other results
    in the memory of arguments, which have the size of the argument, stay.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect"];
  let statistics = [Statistic<"numGrown", "num-grown", "caches that grow">];
}

def QuantizeCaches : Pass<"nm-quantize-caches", "func::FuncOp"> {
  let summary = "caches in the memory of arguments hold rows of eight bits";
  let description = [{
    An argument with `nm.in_place`, a cache of floats [.., rows, D], becomes one of quantised rows
    [.., rows, D + 4] of i8, and so does the result in its memory. Rows that are inserted are quantised
    (`flat.quantize_rows`) just before; what reads the cache, or rows of it, reads `flat.dequantize_rows`, which
    canonicalisation moves into `flat.attention`. It runs behind `nm-grow-caches`, which makes of a
    concatenation an insertion. A cache that is not the argument with whole rows inserted,
    by slices, loops and views between them, is an error.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::flat::FlatDialect",
                           "::mlir::tensor::TensorDialect"];
  let statistics = [Statistic<"numQuantized", "num-quantized", "caches of quantised rows">];
}

def ReturnInPlace : Pass<"nm-return-in-place", "::mlir::ModuleOp"> {
  let summary = "results that are in the memory of an argument are not returned";
  let description = [{
    An argument with `nm.in_place = I : i64` is the memory of result I, such as a cache that a
    call adds rows to. Bufferization, which may write to such an argument alone, has by then
    made the result the argument itself if that takes no copy; the pass removes the result,
    the caller having it, or, where the cache grows (`nm-grow-caches`), puts the number of its rows
    there. It is an error if result I is other memory: the function
    reads what the argument held after it is overwritten, computes the result anew, or swaps two arguments.
    So is a call of the function, which is for callers from outside.
  }];
}

def NormalizeSlices : Pass<"nm-normalize-slices", "func::FuncOp"> {
  let summary = "give dimensions of size 1 of a slice the stride 1";
  let description = [{
    Where a slice takes one index of a dimension, its stride there goes nowhere, but becomes
    part of the buffer's type. Upstream tells by the strides which dimensions a subview
    drops, and finds none where two of them look alike.
  }];
  let dependentDialects = ["::mlir::tensor::TensorDialect"];
}

def VectorizeContractions : Pass<"nm-vectorize-contractions", "func::FuncOp"> {
  let summary = "tile and vectorise the dense products that no kernel takes";
  let description = [{
    Matrix products between activations (the logits and the weighted values of
    attention), on buffers, become loops around register tiles (`kernel.tile_product`).
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::affine::AffineDialect",
                           "::mlir::tensor::TensorDialect", "::mlir::vector::VectorDialect",
                           "::mlir::scf::SCFDialect", "::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::kernel::KernelDialect",
                           "::mlir::nm::NMDialect"];
  let options = [
    Option<"lanes", "lanes", "int64_t", "0",
           "f32 lanes of a vector register, 0: the target's">,
    Option<"parallel", "parallel", "bool", "true", "distribute the outer loops over threads">
  ];
}

def LowerCopies : Pass<"nm-lower-copies", "func::FuncOp"> {
  let summary = "lower memref.copy to linalg.copy";
  let description = [{
    Upstream lowers a copy between buffers of which one has gaps to a call of a function, `memrefCopy`, that a
    library of its own has. As `linalg.copy` it becomes loops with everything else.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect"];
}

def LowerLinalgToLoops : Pass<"nm-linalg-to-loops", "func::FuncOp"> {
  let summary = "lower linalg on buffers to loops, the outer one parallel";
  let description = [{
    Every `linalg` operation on buffers becomes a loop nest. Its innermost dimension
    is vectorised explicitly: elementwise, or into vector accumulators when it is a
    reduction (sums are thereby reassociated). Where that loop is a window shorter than two vectors, or its
    elements do not lie together, as in convolutions of several groups and in pooling, vectors of
    neighbouring results stay in registers and the reductions go inside. Operations whose body or accesses do
    not widen become scalar loops. The outermost dimension of an operation with enough
    work becomes `scf.parallel`.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::affine::AffineDialect", "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect", "::mlir::arith::ArithDialect",
                           "::mlir::nm::NMDialect"];
  let options = [
    Option<"lanes", "lanes", "int64_t", "0",
           "f32 lanes of a vector register, 0: the target's">,
    Option<"parallel", "parallel", "bool", "true", "emit scf.parallel">,
    Option<"minParallelWork", "min-parallel-work", "int64_t", "-1",
           "iterations under which an operation stays on one thread, -1: the target's">
  ];
}

def ApproximateMath : Pass<"nm-approximate-math", "func::FuncOp"> {
  let summary = "expand exp, erf, tanh and their kin to vectorisable polynomials";
  let description = [{
    Upstream's f32 approximations, but for erf, which is one polynomial without a
    quotient; for scalars and vectors alike, so that the
    remainder of a loop rounds as its vector part does. bf16 and f16 are computed
    in f32. Integer powers become products of squares. Operations on tensors are
    refused.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
                           "::mlir::vector::VectorDialect"];
}

def LowerReshapes : Pass<"nm-lower-reshapes", "func::FuncOp"> {
  let summary = "lower memref.expand_shape of contiguous buffers";
  let description = [{
    Becomes `memref.reinterpret_cast` with the sizes that the operation carries. The
    upstream `expand-strided-metadata` derives them instead, which it cannot (22.1: it
    crashes) when two sizes of one group are dynamic, as a batch and a sequence are.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect"];
}

def OutlineLoops : Pass<"nm-outline-loops", "ModuleOp"> {
  let summary = "give each loop nest of a long function a function of its own";
  let description = [{
    Code generators take more than linear time in the length of a function, and a model
    is one function. Where it holds more than `max-work` operations (one of `math` counts as 16), each of its outermost
    loop nests, and of those of its branches, becomes a private function that is not inlined again; what a nest uses
    from outside becomes arguments, constants go along. Nests that are equal but for
    these share one function, so that a model of many equal layers is as much code as
    one of them.
  }];
  let dependentDialects = ["::mlir::func::FuncDialect"];
  let options = [
    Option<"maxWork", "max-work", "int64_t", "1000",
           "units of work in a function that stays whole">
  ];
  let statistics = [
    Statistic<"numOutlined", "functions made", "Functions that were made">,
    Statistic<"numShared", "nests shared", "Loop nests that call the function of an equal one">
  ];
}

def SplitFunctions : Pass<"nm-split-functions", "ModuleOp"> {
  let summary = "cut functions of many statements into parts";
  let description = [{
    Once its loops are functions of their own, a model is a list of calls, and what generates
    code takes more than linear time in its length. Every `max-statements` of them become
    a private function, which takes what is defined before it and returns what is needed behind
    it; constants, views and loads of parameters go to where they are used. Memory is
    allocated and freed by the function itself. Parts are cut again until none is longer. Branches of an `scf.if` are cut in the same way.
  }];
  let dependentDialects = ["::mlir::func::FuncDialect"];
  let options = [
    Option<"maxStatements", "max-statements", "int64_t", "64",
           "statements in a function that stays whole">
  ];
  let statistics = [
    Statistic<"numParts", "parts made", "Functions that were made">
  ];
}

def PlanMemory : Pass<"nm-plan-memory", "::mlir::ModuleOp"> {
  let summary = "one allocation for all buffers of a function";
  let description = [{
    Buffers that a function allocates and frees itself become views of one arena, which it
    gets where its first buffer was. A buffer is taken to be in use from its first user to its last one,
    not from its allocation to its release; those that are in use at different times share
    memory. Where they lie is computed here (see ArenaLayout.h).

    Where sizes are known when the function begins and not before, of the arguments, or computed from these, it is computed
    here which buffer lies behind which, and the function computes the offsets from that: the order is the one that wastes
    the least in the worst of 12 samples of sizes, against the largest live set of each. Buffers of the branches of an `scf.if` are
    part of it; those of the two share memory, and where the condition is known when the function begins, only those of the
    branch that is taken count. What is returned, what loops allocate
    and what has a size that the function computes from data stays as it is.

    All arenas are allocated in one function, `nm_arena`, so that a compiled library can
    keep them for the next call.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
                           "::mlir::memref::MemRefDialect"];
  let statistics = [
    Statistic<"numPlanned", "buffers planned", "Buffers that became views of an arena">,
    Statistic<"numOpen", "open sizes", "Those whose sizes are known when a function begins">,
    Statistic<"arenaBytes", "arena bytes", "Bytes of the arenas of known sizes">,
    Statistic<"liveBytes", "live bytes", "The most bytes that are in use at once in these">
  ];
}

def CheckSizes : Pass<"nm-check-sizes", "func::FuncOp"> {
  let summary = "compare sizes that must agree before anything relies on it";
  let description = [{
    Operations on tensors of dynamic sizes demand that some of them agree: those that
    belong to one loop of a `linalg` operation, the offsets and sizes of a slice and
    what it is cut from, the parts of an expanded dimension. Verifiers check what is
    static. This pass derives the rest from the operations and makes it `nm.require`:
    at the entry of the function where both sides are known from its arguments, else
    right before the operation. What follows from the types, or from a check that was
    made before, is not checked again.

    Also checked: sizes of new tensors are not negative and their bytes fit into a
    pointer, and indices that `tensor.extract` takes from data are in range, by a
    reduction over the indices before the operation.

    Runs first: later passes take the agreement for granted.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::tensor::TensorDialect",
                           "::mlir::nm::NMDialect"];
  let statistics = [
    Statistic<"numVisited", "operations visited", "Operations looked at">,
    Statistic<"numRequired", "checks made", "nm.require operations made">
  ];
}

def LowerRequires : Pass<"nm-lower-requires", "ModuleOp"> {
  let summary = "failed checks end the call with a message";
  let description = [{
    `nm.require` and `cf.assert` become branches. A check that fails writes its message
    into the state of the calling thread (`@nm_state`) and leaves the function; callers
    look at the state after every call and leave, too. Inside a parallel loop the
    iteration ends, and the function is left after the loop. The first message stays.
    Buffers that were allocated before and are freed or returned after the check are freed.
    Runs on functions of blocks, before the conversion to the LLVM dialect.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect",
                           "::mlir::LLVM::LLVMDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::ub::UBDialect",
                           "::mlir::nm::NMDialect"];
}

def InsertMeasures : Pass<"nm-insert-measures", "ModuleOp"> {
  let summary = "measure the time and the work of each operation on buffers";
  let description = [{
    Puts `nm.measure_begin` and `nm.measure_end` around each operation that computes
    or moves elements, also in loops and branches, and `nm.measure_memory` where a
    buffer becomes live and where it is freed. What the operations are stands in the
    module's attribute `nm.measures`, by number:

    | field | |
    |---|---|
    | `location` | where it and what was fused into it come from in the model |
    | `kind` | `product` of a packed weight, `attention`, `contraction`, `convolution`, `copy`, `fill`, `elementwise`, `reduction`, `loop` or `call` |
    | `pattern`, `layout`, `element`, `weight`, `weight_bytes` | of products: the N:M of the weight, its layout and elements, the argument of the function that holds its values, and the bytes of values and indices |
    | `column_flops`, `dense_column_flops` | of products: the work for one column of activations, and what it would be if no weight were left out |
    | `counted` | whether its work is known: not that of a `loop`, which has been lowered before, of a `call` of code from elsewhere, and of attention with a window over a dynamic number of keys |

    Floating-point operations are counted as they are written: one for each operation of
    arith or math on floats (comparisons, selections and conversions are none, a fused
    multiply-add is two), times the elements it is done for; two for each stored weight of
    a product and column of its activations. Attention counts two for each multiply-add of
    its products over all keys that a query may see by its position, five for each of
    their scores (scale, maximum, difference, exponential, sum), what its score function
    has, and one division for each element of the result. Bytes are those of each operand
    once, read or written; elements that a body loads from elsewhere count each time.
    Sizes are those of the call.

    The operations cost about 50 ns each. Nothing else in the module changes; a buffer
    of which it cannot be told where it is freed counts as live until the call ends.
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
                           "::mlir::memref::MemRefDialect", "::mlir::nm::NMDialect"];
  let statistics = [
    Statistic<"numMeasured", "operations measured", "Operations that are measured">
  ];
}

def LowerMeasures : Pass<"nm-lower-measures", "ModuleOp"> {
  let summary = "measures become calls of whoever runs the code";
  let description = [{
    `nm.measure_begin`, `nm.measure_end` and `nm.measure_memory` become calls of
    `void nm_measure_begin(i64)`, `void nm_measure_end(i64, i64, i64, i64)` and
    `void nm_measure_memory(i64)`, which the process that runs the code provides.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect",
                           "::mlir::nm::NMDialect"];
}

#endif // NM_TRANSFORMS_PASSES_TD
