//===- Core.h - The C that all schedulers share -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_TARGET_PIFOBPF_CORE_H
#define NM_LIB_TARGET_PIFOBPF_CORE_H

namespace mlir::pifo::bpf {

/// The files of the folder `core`, in the order in which they stand in an
/// output: types, then the scheduler's sizes, `containers`, its transactions,
/// `walks`, `calls`, `qdisc`, its fields, `operations`.
extern const char *const types,
    *const containers, *const walks, *const calls, *const qdisc,
                                                       *const operations;

} // namespace mlir::pifo::bpf

#endif // NM_LIB_TARGET_PIFOBPF_CORE_H
