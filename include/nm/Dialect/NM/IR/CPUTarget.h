//===- CPUTarget.h - Where descriptions of processors come from -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_NM_IR_CPUTARGET_H
#define NM_DIALECT_NM_IR_CPUTARGET_H

#include "nm/Dialect/NM/IR/NMDialect.h"
#include "nm/Machine/Device.h"
#include <optional>

namespace llvm {
class Triple;
}

namespace mlir::nm {

/// The module attribute that holds a CPUAttr.
constexpr llvm::StringLiteral kTargetAttrName = "nm.target";

/// The attribute of a description (nm/Machine/Device.h).
CPUAttr describe(MLIRContext *context, const ::nm::machine::HostUnit &host);

/// A processor like `host` of `triple`, with the features, by LLVM's names, for
/// which `has` says so. Vectors and registers follow from them.
CPUAttr describeCPU(MLIRContext *context, const llvm::Triple &triple,
                    function_ref<bool(StringRef)> has,
                    ::nm::machine::HostUnit host);

/// The other way: with the rates of a generic processor, which the attribute
/// does not tell.
::nm::machine::Device getDevice(CPUAttr cpu);

/// The description of that name if it is one of a processor, "host" included.
std::optional<::nm::machine::HostUnit> findProcessor(StringRef name);

/// "host", the name of a processor that nm describes, or the text of a
/// `#nm.cpu<...>`; null if it is none of them.
CPUAttr getCPUTarget(MLIRContext *context, StringRef text);

/// The description that holds for `op`: that of the closest operation around
/// it with `nm.target`, else this machine's, as of `nm-attach-target` without a
/// name.
CPUAttr getCPUTarget(Operation *op);

} // namespace mlir::nm

#endif // NM_DIALECT_NM_IR_CPUTARGET_H
