//===- PifoBpf.h - Schedulers as queueing disciplines in BPF -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_TARGET_PIFOBPF_PIFOBPF_H
#define NM_TARGET_PIFOBPF_PIFOBPF_H

#include "nm/Dialect/Pifo/IR/PifoDialect.h"

namespace mlir::pifo {

/// Prints the scheduler as C for clang's target bpf: a queueing discipline of
/// Linux 6.16 and later (struct Qdisc_ops), whose packets and states lie in
/// maps of a size that the capacity fixes. Fails, with the reason, for a
/// scheduler that cannot be one; docs/pifo-bpf.md lists which.
LogicalResult printBpf(SchedulerOp scheduler, raw_ostream &os);

/// Registers `nm-translate --pifo-to-bpf`.
void registerBpfTranslation(void (*dialects)(DialectRegistry &));

} // namespace mlir::pifo

#endif // NM_TARGET_PIFOBPF_PIFOBPF_H
