//===- Import.h - Transactions to atom programs -----------------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_TARGET_PIFOMESH_IMPORT_H
#define NM_LIB_TARGET_PIFOMESH_IMPORT_H

#include "nm/Model/PifoMesh/Proofs.h"
#include "nm/Target/PifoMesh/PifoMesh.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::pifo {

namespace mesh = ::nm::mesh;

/// Adds values to a program, each only once.
class ProgramBuilder {
public:
  explicit ProgramBuilder(mesh::Program &program) : program(program) {}

  int add(mesh::Op op, unsigned bits, int a = -1, int b = -1, int c = -1);
  int constant(unsigned bits, uint64_t value);
  int indexed(mesh::Op op, unsigned bits, unsigned index, int a = -1);
  int lookup(unsigned bits, int a, std::vector<uint64_t> table);
  /// Zero-extends or truncates.
  int resize(int value, unsigned bits);
  int resizeSigned(int value, unsigned bits);
  int select(int condition, int a, int b);
  unsigned bits(int value) const { return program.values[value].bits; }
  /// An upper bound of the bits that can be set.
  unsigned active(int value) const { return activeBits[value]; }
  /// value / divisor, unsigned and exact, without a division; -1 if the value
  /// may be too wide for that.
  int divide(int value, uint64_t divisor);
  /// value / divisor, signed and rounded towards zero, of any value; the
  /// divisor is a power of two below the sign bit.
  int divideSigned(int value, uint64_t divisor);
  int multiply(int value, uint64_t factor);

private:
  mesh::Program &program;
  std::vector<unsigned> activeBits;
  int push(mesh::Value value);
};

/// Numbers shared by all transactions of a scheduler.
struct MeshContext {
  SchedulerOp scheduler;
  MeshLimits limits;
  SmallVector<NodeOp> leaves;
  DenseMap<Operation *, unsigned> fieldIndex;
  mesh::Config *config = nullptr;

  unsigned leafBits() const { return mesh::indexBits(leaves.size()); }
  /// Which child of `node` leads to each leaf; 0 where none does.
  std::vector<uint64_t> childOfLeaf(NodeOp node) const;
};

/// The state of a group of nodes that share programs: one entry range for each
/// node. `slot` tells the node within the group from the logical PIFO.
struct GroupState {
  std::vector<mesh::State> states;
  DenseMap<StringRef, unsigned> index;
  std::vector<uint64_t> slotOfPifo; ///< empty: one node
  unsigned slotBits = 0;
  unsigned pifoBits = 1;
  /// The upper bits of a wrapping rank, where a dequeue needs them.
  int base = -1;
};

/// The state variables that these transactions of `node` touch, `nodes` times.
GroupState declareState(const MeshContext &context, NodeOp node,
                        ArrayRef<Operation *> transactions, unsigned nodes);

/// Translates a scheduling, shaping or dequeue transaction. `rankBits` is the
/// block's, `shift` what wrapping ranks of this node are shifted left by.
/// `result` is what a scheduling transaction yields, before it became a rank.
/// Emits errors at operations that no atom program can express.
LogicalResult importTransaction(const MeshContext &context, NodeOp node,
                                Operation *transaction, GroupState &state,
                                unsigned rankBits, unsigned shift,
                                mesh::Program &program);

/// The value of `field` of the packet, in its own width.
int fieldValue(const MeshContext &context, ProgramBuilder &builder,
               FieldOp field);

} // namespace mlir::pifo

#endif // NM_LIB_TARGET_PIFOMESH_IMPORT_H
