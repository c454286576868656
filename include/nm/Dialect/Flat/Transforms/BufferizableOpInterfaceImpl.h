//===- BufferizableOpInterfaceImpl.h - Bufferization of flat.attention -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_FLAT_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H
#define NM_DIALECT_FLAT_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H

namespace mlir {
class DialectRegistry;
namespace flat {
/// Attaches BufferizableOpInterface to nm.packed_matmul.
void registerBufferizableOpInterfaceModels(DialectRegistry &registry);
} // namespace flat
} // namespace mlir

#endif // NM_DIALECT_FLAT_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H
