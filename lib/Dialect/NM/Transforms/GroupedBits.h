//===- GroupedBits.h - Which weights become integers ------------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_DIALECT_NM_TRANSFORMS_GROUPEDBITS_H
#define NM_LIB_DIALECT_NM_TRANSFORMS_GROUPEDBITS_H

#include "SparsityRules.h"
#include "nm/Runtime/Quantize.h"
#include "nm/Runtime/Weight.h"

namespace mlir::nm {

/// What the option `quantize` asks for: groups of a size along the
/// contraction, or those that the checkpoint has.
class GroupedBits {
public:
  LogicalResult read(StringRef quantize, ArrayRef<SparsityRule> rules,
                     OptionError error);
  bool isAsked() const { return groups || keeps; }
  /// Whether integers in groups that the checkpoint has are kept.
  bool keepsGroups() const { return keeps; }
  /// The pattern with integers in groups, if the weight is to have them and
  /// can; a remark says why it cannot.
  SparsityAttr apply(ParamOp op, const ::nm::rt::Weight &weight,
                     SparsityAttr sparsity) const;

private:
  /// Those that are asked for.
  std::optional<::nm::rt::Groups> groups;
  bool keeps = false;
};

} // namespace mlir::nm

#endif // NM_LIB_DIALECT_NM_TRANSFORMS_GROUPEDBITS_H
