//===- Registration.h - Dialects and passes of the nm tools -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_REGISTRATION_H
#define NM_REGISTRATION_H

namespace mlir {
class DialectRegistry;
namespace nm {

/// Adds nm's dialects, the upstream dialects that its input and pipelines use,
/// and the external interface models that bufferization and translation need.
void registerDialects(DialectRegistry &registry);

/// Registers nm's passes and pipelines, and the upstream passes that tests and
/// users combine with them.
void registerPasses();

} // namespace nm
} // namespace mlir

#endif // NM_REGISTRATION_H
