//===- Transactions.h - Transactions as statements of C -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_TARGET_PIFOBPF_TRANSACTIONS_H
#define NM_LIB_TARGET_PIFOBPF_TRANSACTIONS_H

#include "Tree.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/Support/raw_ostream.h"

namespace mlir::pifo::bpf {

/// Prints transactions of one node as statements. A value of any width is an
/// unsigned number of 64 bits without others than its own. The statements read
/// `packet`, `now`, `child`, `rank` and `tie` of the function around them.
class StatementPrinter {
public:
  StatementPrinter(const Tree &tree, unsigned node, raw_ostream &os)
      : tree(tree), node(node), os(os) {}

  /// The names of what the region yields.
  SmallVector<std::string> print(Region &region);
  unsigned indent = 1;

private:
  SmallVector<std::string> printBlock(Block &block);
  void findLive(Block &block);
  void printOp(Operation *op);
  void printBranch(Operation *op);
  std::string expression(Operation *op);
  std::string arithmetic(Operation *op);
  std::string integers(Operation *op);
  std::string access(Operation *symbol, FlatSymbolRefAttr key, bool byChild);
  void define(Value result, const std::string &expression);
  std::string fresh() { return "v" + std::to_string(next++); }
  raw_ostream &line() { return os.indent(2 * indent); }
  std::string name(Value value) const { return names.lookup(value); }

  const Tree &tree;
  unsigned node;
  raw_ostream &os;
  llvm::DenseMap<Value, std::string> names;
  /// Operations that something comes of.
  llvm::DenseSet<Operation *> live;
  unsigned next = 0;
  bool isDequeue = false;
};

} // namespace mlir::pifo::bpf

#endif // NM_LIB_TARGET_PIFOBPF_TRANSACTIONS_H
