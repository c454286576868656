//===- CheckInstruction.cpp - Rules for shapes and types -------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Check.h"
#include "nm/Isa/Instructions.h"
#include "nm/Support/Arithmetic.h"
#include <algorithm>
#include <cmath>

namespace nm::isa {

namespace {

/// One instruction with the shapes and types of its operands.
class InstructionChecker {
public:
  InstructionChecker(const Program &program, const Instruction &instruction,
                     const std::string &where, Place &other)
      : program(program), instruction(instruction), where(where), other(other),
        info(infoOf(instruction.opcode)) {}

  Status check();

private:
  Status checkMemories();
  Status checkMove();
  Status checkGemm();
  Status checkNMGemm();
  Status checkProductTypes(const char *rule, int rhs, int dest);
  Status checkKinds();
  Status checkExtents();
  Status checkSame(int a, int b);
  Status checkElementwise();
  Status checkLayerNorm();
  Status checkMask();

  template <typename... Parts> Error refuse(const Parts &...parts) {
    return makeError(Errc::Format, parts...);
  }
  std::vector<int64_t> shape(int operand) const {
    const Tile &tile = instruction.operands[operand];
    std::vector<int64_t> sizes;
    for (uint8_t dim : tile.dims)
      sizes.push_back(tile.sizes[dim]);
    return sizes;
  }
  std::string text(int operand) const {
    return shapeText(shape(operand)) + " " + toString(type(operand));
  }
  Type type(int operand) const {
    return typeOf(program, instruction.operands[operand]);
  }

  const Program &program;
  const Instruction &instruction;
  const std::string &where;
  Place &other;
  const InstructionInfo &info;
};

} // namespace

Status InstructionChecker::checkKinds() {
  if (!isKnown(instruction.stationary))
    return refuse("[attacc_gemm_c2] ", where, " has an unknown stationarity");
  if (!isKnown(instruction.unary))
    return refuse("[attacc_elements_c1] ", where, " has an unknown kind");
  if (!isKnown(instruction.binary))
    return refuse("[attacc_elementwise_c1] ", where, " has an unknown kind");
  return {};
}

Status InstructionChecker::checkMemories() {
  for (size_t i = 0; i < instruction.operands.size(); ++i) {
    bool isDram = instruction.operands[i].space == Space::Dram;
    bool wantsDram = info.operands[i].space == Space::Dram;
    if (isDram != wantsDram)
      return refuse("[attacc_program_c1] ", where, ", operand ", i, " is in ",
                    isDram ? "DRAM" : "the scratchpad", ", expected ",
                    wantsDram ? "DRAM" : "the scratchpad");
  }
  return {};
}

Status InstructionChecker::checkMove() {
  if (const Tile &dest = instruction.operands[1]; dest.space == Space::Dram) {
    const Tensor &tensor = program.tensors[dest.object];
    if (tensor.role != Role::Out && tensor.role != Role::Scratch) {
      other = {Place::Tensors, dest.object};
      return refuse("[attacc_move_c3] ", where, " writes '", tensor.name,
                    "', which is ", toString(tensor.role),
                    ", expected out or scratch");
    }
  }
  if (shape(0) != shape(1) || type(0) != type(1))
    return refuse("[attacc_move_c1] ", where, " moves ", text(0), " to ",
                  text(1), ", expected equal shapes and elements");
  return {};
}

Status InstructionChecker::checkProductTypes(const char *rule, int rhs,
                                             int dest) {
  if (type(0) == Type::I8 || type(rhs) != type(0))
    return refuse("[", rule, "] ", where, " multiplies ", toString(type(0)),
                  " by ", toString(type(rhs)),
                  ", expected equal f16, bf16 or f32");
  if (type(dest) != type(0) && type(dest) != Type::F32)
    return refuse("[", rule, "] ", where, " writes ", toString(type(dest)),
                  ", expected ", toString(type(0)), " or f32");
  return {};
}

Status InstructionChecker::checkGemm() {
  std::vector<int64_t> lhs = shape(0), rhs = shape(1), dest = shape(2);
  bool fits = lhs.size() == rhs.size() && lhs.size() == dest.size() &&
              (lhs.size() == 2 || lhs.size() == 3);
  if (fits && lhs.size() == 3) {
    fits = lhs[0] == rhs[0] && lhs[0] == dest[0];
    if (fits && lhs[0] > program.target.segments)
      return refuse("[attacc_gemm_c3] ", where, " has ", lhs[0],
                    " products side by side, expected at most the ",
                    program.target.segments, " segments of the array");
    for (auto *sizes : {&lhs, &rhs, &dest})
      sizes->erase(sizes->begin());
  }
  bool tl = instruction.transposeLhs, tr = instruction.transposeRhs;
  if (!fits || lhs[!tl] != rhs[tr] || dest[0] != lhs[tl] || dest[1] != rhs[!tr])
    return refuse("[attacc_gemm_c1] ", where, " multiplies ", text(0), " by ",
                  text(1), " into ", text(2),
                  ", expected M x K by K x N into M x N after the transposes");
  if (!std::isfinite(instruction.value))
    return refuse("[attacc_gemm_c2] ", where, " has the factor ",
                  instruction.value, ", expected a finite one");
  return checkProductTypes("attacc_gemm_c2", 1, 2);
}

Status InstructionChecker::checkNMGemm() {
  SparsePattern p = instruction.pattern;
  const std::vector<SparsePattern> &known = program.target.patterns;
  if (p.n < 1 || p.n >= p.m || p.m > 64)
    return refuse("[attacc_nm_gemm_c1] ", where, " has the pattern ", p.n, ":",
                  p.m, ", expected 1 <= N < M <= 64");
  if (std::find(known.begin(), known.end(), p) == known.end()) {
    std::string all;
    for (SparsePattern one : known)
      all += (all.empty() ? "" : ", ") + std::to_string(one.n) + ":" +
             std::to_string(one.m);
    return refuse("[attacc_nm_gemm_c1] ", where, " has the pattern ", p.n, ":",
                  p.m, ", expected one that ", program.target.name,
                  " decodes: ", all.empty() ? "it decodes none" : all);
  }
  std::vector<int64_t> lhs = shape(0), values = shape(1), indices = shape(2),
                       dest = shape(3);
  if (lhs.size() != 2 || values.size() != 2 || indices.size() != 2 ||
      dest.size() != 2)
    return refuse("[attacc_nm_gemm_c3] ", where,
                  " has an operand that is no matrix, expected rank 2");
  if (lhs[1] % p.m)
    return refuse("[attacc_nm_gemm_c2] ", where, " has depth ", lhs[1],
                  ", expected a multiple of ", p.m);
  int64_t kept = lhs[1] / p.m * p.n;
  int64_t bytes = support::ceilDiv(kept * p.indexBits(), int64_t(8));
  if (values[1] != kept || indices[0] != values[0] || indices[1] != bytes ||
      dest[0] != lhs[0] || dest[1] != values[0])
    return refuse("[attacc_nm_gemm_c3] ", where, " has values ", text(1),
                  ", indices ", text(2), " and dest ", text(3), ", expected ",
                  values[0], "x", kept, ", ", values[0], "x", bytes, " and ",
                  lhs[0], "x", values[0]);
  if (type(2) != Type::I8)
    return refuse("[attacc_nm_gemm_c4] ", where, " has indices of ",
                  toString(type(2)), ", expected i8");
  if (!std::isfinite(instruction.value))
    return refuse("[attacc_nm_gemm_c4] ", where, " has the factor ",
                  instruction.value, ", expected a finite one");
  return checkProductTypes("attacc_nm_gemm_c4", 1, 3);
}

/// attacc_elements_c1 and attacc_row_c1.
Status InstructionChecker::checkExtents() {
  int equal = -1, matrix = -1;
  for (int i = 0; i < info.numOperands; ++i) {
    Extent extent = info.operands[i].extent;
    if (extent != Extent::Equal && extent != Extent::Matrix)
      continue;
    int &first = extent == Extent::Equal ? equal : matrix;
    if (first < 0)
      first = i;
    if (Status status = checkSame(first, i); !status)
      return status;
  }
  if (matrix < 0)
    return {};
  std::vector<int64_t> sizes = shape(matrix);
  if (sizes.size() != 2)
    return refuse("[attacc_row_c1] ", where, " has ", text(matrix),
                  ", expected rank 2");
  for (int i = 0; i < info.numOperands; ++i)
    if (info.operands[i].extent == Extent::Row &&
        shape(i) != std::vector<int64_t>{sizes[0]})
      return refuse("[attacc_row_c1] ", where, " has the row vector ", text(i),
                    ", expected ", sizes[0], " elements");
  return {};
}

Status InstructionChecker::checkSame(int a, int b) {
  if (shape(a) != shape(b))
    return refuse("[attacc_elements_c1] ", where, " has ", text(a), " and ",
                  text(b), ", expected equal shapes");
  return {};
}

Status InstructionChecker::checkElementwise() {
  std::vector<int64_t> lhs = shape(0), rhs = shape(1);
  if (shape(2) != lhs ||
      (rhs != lhs && rhs != std::vector<int64_t>{lhs.back()}))
    return refuse("[attacc_elementwise_c1] ", where, " has ", text(0), ", ",
                  text(1), " and dest ", text(2),
                  ", expected equal shapes or a vector as rhs");
  return {};
}

Status InstructionChecker::checkLayerNorm() {
  std::vector<int64_t> source = shape(0);
  if (source.size() != 2 || shape(1) != std::vector<int64_t>{source[1]} ||
      shape(2) != shape(1) || !std::isfinite(instruction.value) ||
      !(instruction.value > 0))
    return refuse("[attacc_layernorm_c1] ", where, " has ", text(0), ", gamma ",
                  text(1), " and beta ", text(2),
                  ", expected R x C, C and C, and a positive epsilon");
  return {};
}

Status InstructionChecker::checkMask() {
  if (shape(0).size() != 2 || instruction.group < 1 ||
      instruction.group > kMaxSize || instruction.window < 0 ||
      instruction.window > kMaxSize || instruction.keys < 0 ||
      instruction.keys > kMaxSize)
    return refuse("[attacc_mask_c1] ", where, " masks ", text(0),
                  " with a group of ", instruction.group, ", a window of ",
                  instruction.window, " and ", instruction.keys,
                  " keys, expected rank 2, a group of at least 1 and the "
                  "others not negative");
  return {};
}

Status InstructionChecker::check() {
  if (Status status = checkMemories(); !status)
    return status;
  if (engineOf(instruction) == Engine::Special)
    for (size_t i = 0; i < instruction.operands.size(); ++i)
      if (type(i) == Type::I8)
        return refuse("[attacc_special_c1] ", where, ", operand ", i,
                      " is of i8, expected f32, f16 or bf16");
  if (Status status = checkKinds(); !status)
    return status;
  if (Status status = checkExtents(); !status)
    return status;
  switch (info.rule) {
  case Rule::Move:
    return checkMove();
  case Rule::Gemm:
    return checkGemm();
  case Rule::NMGemm:
    return checkNMGemm();
  case Rule::FiniteScale:
    if (!std::isfinite(instruction.value))
      return refuse("[attacc_elements_c1] ", where, " has the scale ",
                    instruction.value, ", expected a finite one");
    break;
  case Rule::Mask:
    return checkMask();
  case Rule::LayerNorm:
    return checkLayerNorm();
  case Rule::Elementwise:
    return checkElementwise();
  case Rule::None:
    break;
  }
  return {};
}

Status checkRules(const Program &program, const Instruction &instruction,
                  const std::string &where, Place &other) {
  return InstructionChecker(program, instruction, where, other).check();
}

} // namespace nm::isa
