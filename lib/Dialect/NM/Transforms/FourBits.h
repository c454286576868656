//===- FourBits.h - Which weights get four bits ---------------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_NM_TRANSFORMS_FOURBITS_H
#define NM_LIB_DIALECT_NM_TRANSFORMS_FOURBITS_H

#include "SparsityRules.h"
#include "nm/Runtime/Weight.h"

namespace mlir::nm {

/// What the option `quantize` asks for: groups of a size along the
/// contraction, or those that the checkpoint has.
class FourBits {
public:
  LogicalResult read(StringRef quantize, ArrayRef<SparsityRule> rules,
                     OptionError error);
  bool isAsked() const { return group != 0 || keeps; }
  /// Whether groups of four bits that the checkpoint has are kept.
  bool keepsGroups() const { return keeps; }
  /// The pattern with four bits, if the weight is to have them and can; a
  /// remark says why it cannot.
  SparsityAttr apply(ParamOp op, const ::nm::rt::Weight &weight,
                     SparsityAttr sparsity) const;

private:
  /// Elements that share a scale, 0 if none is asked for.
  int64_t group = 0;
  bool keeps = false;
};

} // namespace mlir::nm

#endif // NM_LIB_DIALECT_NM_TRANSFORMS_FOURBITS_H
