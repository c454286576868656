//===- NMAttrs.td - Sparsity and layout attributes -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_NM_IR_NMATTRS_TD
#define NM_DIALECT_NM_IR_NMATTRS_TD

include "nm/Dialect/NM/IR/NMBase.td"
include "mlir/IR/TensorEncoding.td"

def NM_SparsityAttr : NM_Attr<"Sparsity", "sparsity", [
    DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]> {
  let summary = "N:M structured sparsity of a tensor along one axis";
  let description = [{
    As the encoding of a builtin tensor type, says that every group of `m`
    consecutive elements along dimension `axis` holds at most `n` non-zeros.
    Groups start at multiples of `m`. Under-full groups are legal. `n = m` is a
    dense tensor in the same notation.

    ```mlir
    tensor<768x3072xf32, #nm.sparsity<2:4, axis = 1>>
    ```

    `bits` and `group` say further what the kept values are: every `group`
    consecutive elements along the axis are one number, the scale, times integers of
    `bits` bits: from -8 to 7 (-128 to 127), or with `zeros` from 0 to 15 (255) less a zero
    point of the group from 0 to 16 (255). The scale is an f16 unless `scale` says bf16 or f32; with f32
    the products are rounded once to f32. That is a fact about f32 values. Products may
    then read integers and scales instead (`#nm.grouped`).

    ```mlir
    tensor<4096x4096xf32, #nm.sparsity<2:4, axis = 1, bits = 4, group = 64>>
    tensor<4096x4096xf32, #nm.sparsity<1:1, axis = 1, bits = 4, group = 128, scale = bf16, zeros>>
    tensor<4096x4096xf32, #nm.sparsity<1:4, axis = 1, bits = 8, group = 32>>
    ```

    * `nm_sparsity_c1`: 1 <= n <= m <= 64.
    * `nm_sparsity_c2`: 0 <= axis < rank of the tensor.
    * `nm_sparsity_c3`: the tensor's size along the axis is static and a
      multiple of m.
    * `nm_sparsity_c4`: the element type is f32, bf16, f16 or i8.
    * `nm_sparsity_c5`: bits and group are both there or both absent; bits is 4 or
      8, group is 32, 64 or 128 and divides the tensor's size along the axis, and the
      element type is f32; scale is f16, bf16 or f32, and it and zeros are there
      only with bits.
  }];
  let parameters = (ins "int64_t":$n, "int64_t":$m, "int64_t":$axis,
                        DefaultValuedParameter<"int64_t", "0">:$bits,
                        DefaultValuedParameter<"int64_t", "0">:$group,
                        OptionalParameter<"Type", "null for f16">:$scale,
                        DefaultValuedParameter<"bool", "false">:$zeros);
  let assemblyFormat = "`<` $n `` `:` `` $m `,` `axis` `=` $axis `` "
                       "custom<GroupForm>($bits, $group, $scale, $zeros) `>`";
  let genVerifyDecl = 1;
  let builders = [
    AttrBuilder<(ins "int64_t":$n, "int64_t":$m, "int64_t":$axis), [{
      return $_get($_ctxt, n, m, axis, 0, 0, Type(), false);
    }]>,
    AttrBuilder<(ins "int64_t":$n, "int64_t":$m, "int64_t":$axis, "int64_t":$bits,
                     "int64_t":$group), [{
      return $_get($_ctxt, n, m, axis, bits, group, Type(), false);
    }]>
  ];
  let extraClassDeclaration = [{
    /// Whether groups of values are integers with a scale.
    bool isQuantized() const { return getBits() != 0; }
    /// The same of the values of another pattern.
    SparsityAttr withPattern(int64_t n, int64_t m, int64_t axis) const {
      return get(getContext(), n, m, axis, getBits(), getGroup(), getScale(), getZeros());
    }
    /// The same without what it says of values.
    SparsityAttr getPatternOnly() const {
      return get(getContext(), getN(), getM(), getAxis());
    }
    /// True for n = m: no element is known to be zero.
    bool isDense() const { return getN() == getM(); }
    /// Number of stored elements of a fiber of `size` elements.
    int64_t getStoredSize(int64_t size) const { return size / getM() * getN(); }
    /// "2:4", as messages and remarks print it.
    std::string getPatternString() const;
  }];
}

def NM_CPUAttr : NM_Attr<"CPU", "cpu"> {
  let summary = "description of a processor that kernels are generated for";
  let description = [{
    What layout choice and kernel generation know of a processor. They read these
    facts and nothing else; no pass asks for a processor by name. The module
    attribute `nm.target` holds it (`nm-attach-target`).

    ```mlir
    module attributes {nm.target = #nm.cpu<arch = "x86_64", features = "avx2,fma",
        vector = 256, registers = 16, l1 = 32768, l2 = 524288, l3 = 33554432,
        line = 64, cores = 2>} {}
    ```

    * `arch`: the architecture part of an LLVM triple.
    * `features`: those of avx2, avx512f, bf16, f16c, fma, i8mm, neon, sve and vnni
      that it has, separated by commas.
    * `vector`: bits of a vector register; `registers`: how many there are.
    * `l1`, `l2`, `l3`: bytes of the data caches that a core reaches, 0 for
      none; `line`: bytes of a cache line; `cores`: how many share the l3.

    * `fmas`, `loads`: vector FMAs and vector loads that a core starts in a cycle;
      `latency`: cycles from the operands of an FMA to its sum; `exposed`: percent
      of the loads of a register tile that its FMAs do not hide.
    * `parallel`: floating-point operations from which a second thread pays.

    * `nm_cpu_c1`: vector is a power of two from 128 to 2048; registers are 8 to
      64.
    * `nm_cpu_c2`: l1 is at least 4096, l2 and l3 are not negative, line is a
      power of two from 16 to 1024, and cores is positive.
    * `nm_cpu_c3`: features are known names, each at most once.
    * `nm_cpu_c4`: fmas, loads and latency are in 1..1024, exposed is in 0..100, and
      parallel is not negative.
  }];
  let parameters = (ins StringRefParameter<"">:$arch, StringRefParameter<"">:$features,
                        "int64_t":$vector, "int64_t":$registers, "int64_t":$l1, "int64_t":$l2,
                        "int64_t":$l3, "int64_t":$line, "int64_t":$cores,
                        DefaultValuedParameter<"int64_t", "2">:$fmas,
                        DefaultValuedParameter<"int64_t", "4">:$latency,
                        DefaultValuedParameter<"int64_t", "2">:$loads,
                        DefaultValuedParameter<"int64_t", "25">:$exposed,
                        DefaultValuedParameter<"int64_t", "2097152">:$parallel);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    bool hasFeature(::llvm::StringRef name) const;
    /// f32 elements of a vector register.
    int64_t getLanes() const { return getVector() / 32; }
    /// Independent sums that keep the units for FMAs busy.
    int64_t getChains() const { return getFmas() * getLatency(); }
    /// A vector load, in FMAs that start meanwhile.
    double getLoadCost() const { return double(getFmas()) / double(getLoads()); }
    /// The part of it that FMAs beside it do not hide.
    double getExposedLoadCost() const { return getLoadCost() * double(getExposed()) / 100; }
    /// Iterations of a loop over elements from which a second thread pays. Each
    /// passes through memory; a product does that many operations meanwhile.
    int64_t getParallelIterations() const { return getParallel() / 64; }
    /// Inline-assembly constraint of a vector register, empty if the kernels
    /// use none here.
    ::llvm::StringRef getRegisterConstraint() const;
    /// Whether kernels select activations by an in-register permute for groups
    /// of `m`: the lane layout.
    bool permutesGroupsOf(int64_t m) const;
    /// Rows of a block of the grouped layout that the kernels take, 0 if there are
    /// none: they multiply bytes and widen f16 in registers. Of AVX-512 they take
    /// what processors have since 2017: F, BW, DQ and VL.
    int64_t getGroupedRows() const;
    /// Elements of the lane layout's registers for groups of `m`: as many
    /// vector registers as hold a group.
    int64_t getLaneWidth(int64_t m) const {
      return std::max(getLanes(), m);
    }
  }];
}

#endif // NM_DIALECT_NM_IR_NMATTRS_TD
