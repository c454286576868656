//===- AttaccEngines.td - Instructions of the engines -*- tablegen -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_DIALECT_ATTACC_IR_ATTACCENGINES_TD
#define NM_DIALECT_ATTACC_IR_ATTACCENGINES_TD

include "nm/Dialect/Attacc/IR/AttaccStructure.td"

def Attacc_Instruction : OpInterface<"Instruction"> {
  let cppNamespace = "::mlir::attacc";
  let description = [{An instruction that an engine takes from its queue.}];
  let methods = [
    InterfaceMethod<"unit that runs it", "::mlir::attacc::Engine", "getEngine">,
    InterfaceMethod<"which of several equal units", "int64_t", "getQueue">,
    InterfaceMethod<"semaphores taken at the start", "::mlir::OperandRange", "getWaits">,
    InterfaceMethod<"semaphores raised at the end", "::mlir::OperandRange", "getSignals">,
    InterfaceMethod<"loop counters that move the field `name`", "::mlir::OperandRange",
                    "getCounters", (ins "::llvm::StringRef":$name)>,
    InterfaceMethod<"regions read", "::llvm::SmallVector<::mlir::Value>", "getRead">,
    InterfaceMethod<"regions written", "::llvm::SmallVector<::mlir::Value>", "getWritten">
  ];
}

def Attacc_HigherLevel : OpInterface<"HigherLevel"> {
  let cppNamespace = "::mlir::attacc";
  let description = [{
    An operation of a higher level that stands in an `attacc.program` until
    passes have put instructions in its place.
  }];
}

class Attacc_Instr<string mnemonic, string engine, string queue, dag args, string reads,
                   string writes, string counters>
    : Attacc_Op<mnemonic, [AttrSizedOperandSegments, DeclareOpInterfaceMethods<Attacc_Instruction,
        ["getEngine", "getQueue", "getCounters", "getRead", "getWritten"]>]> {
  let arguments = !con(args, (ins Variadic<Attacc_SemaphoreType>:$waits,
                                  Variadic<Attacc_SemaphoreType>:$signals));
  let extraClassDefinition = [{
    ::mlir::attacc::Engine $cppClass::getEngine() { return }] # engine # [{; }
    int64_t $cppClass::getQueue() { return }] # queue # [{; }
    ::mlir::OperandRange $cppClass::getCounters(::llvm::StringRef name) {
      }] # counters # [{
      return getOperation()->getOperands().take_front(0);
    }
    ::llvm::LogicalResult $cppClass::verify() {
      return ::mlir::attacc::verifyInProgram(*this);
    }
    ::llvm::SmallVector<::mlir::Value> $cppClass::getRead() { return {}] # reads # [{}; }
    ::llvm::SmallVector<::mlir::Value> $cppClass::getWritten() { return {}] # writes # [{}; }
  }];
  let hasVerifier = 1;
}

// The instructions: of nm/Isa/Instructions.def.
include "nm/Dialect/Attacc/IR/AttaccIsaOps.td"

#endif // NM_DIALECT_ATTACC_IR_ATTACCENGINES_TD
