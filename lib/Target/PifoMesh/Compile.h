//===- Compile.h - Trees to meshes, in steps --------------------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_TARGET_PIFOMESH_COMPILE_H
#define NM_LIB_TARGET_PIFOMESH_COMPILE_H

#include "Import.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::pifo {

/// One logical PIFO in the making: a node, or a node's shaping.
struct MeshPart {
  NodeOp node;
  bool shaping = false;
  unsigned depth = 0;
  // How its elements are told apart into flows.
  // Place: each packet is a flow, numbered by its place in the buffer.
  enum class Flow { One, Rank, Field, Place } flow = Flow::One;
  FieldOp field;
  unsigned flowBits = 0;
  /// What decides whether programs can be shared.
  std::string signature;
  // Where it was put.
  unsigned block = 0, pifo = 0, firstFlow = 0;

  Operation *transaction() {
    NodeOp op = node;
    return shaping ? op.getShaping().getOperation()
                   : op.getScheduling().getOperation();
  }
  SmallVector<Operation *, 2> transactions() {
    SmallVector<Operation *, 2> list = {transaction()};
    if (!shaping && node.getDequeue())
      list.push_back(node.getDequeue());
    return list;
  }
  /// Ranges of flows: one for each child, or one.
  unsigned edges() {
    return shaping || node.isLeaf() ? 1 : node.getChildren().size();
  }
  uint64_t flows() { return uint64_t(edges()) << flowBits; }
};

/// One compilation. Each step stands in a file of its own: Compile.cpp (the
/// order of the steps, names, atoms), CompileFlows.cpp (what each node takes),
/// CompileBlocks.cpp (which block takes it), CompilePrograms.cpp (states and
/// programs of a block), CompileRoutes.cpp (tables between blocks) and
/// CompileClassifier.cpp (predicates).
class MeshCompiler {
  using Part = MeshPart;

public:
  MeshCompiler(SchedulerOp scheduler, const MeshLimits &limits,
               const MeshRemark &remark)
      : remark(remark) {
    context.scheduler = scheduler;
    context.limits = limits;
    context.config = &config;
  }

  FailureOr<mesh::Config> run();

private:
  MeshContext context;
  const MeshRemark &remark;
  mesh::Config config;
  std::vector<Part> parts;
  DenseMap<Operation *, std::pair<unsigned, int>> partsOf; ///< node, shaping
  llvm::StringMap<unsigned> names;
  DenseMap<Operation *, std::string> nodeNames;
  std::vector<std::vector<unsigned>> members; ///< parts by block
  unsigned depth = 0, packetField = 0;
  bool failed = false;

  InFlightDiagnostic refuse(Operation *op);

  static std::string identifier(StringRef name);
  /// Names of nodes are unique among siblings only.
  std::string uniqueName(NodeOp node);

  void declareFields();

  void collect(NodeOp node, unsigned at);

  void checkCapacity();

  unsigned shift(Part &part, unsigned rankBits);
  /// What to try if ranks need that many bits.
  static std::string wider(unsigned rankBits);

  /// Imports a part on its own, to see whether it can be, what its flows are
  /// and with which others it may share a program.
  void analyse(Part &part);

  /// The two transactions of a shaped node run in different blocks.
  bool sharesState(NodeOp node);

  void chooseFlows(Part &part, const mesh::Program &enqueue,
                   const mesh::Program *dequeue);

  /// Programs, states and initial values as text; tables by leaf are left out,
  /// because those of different nodes merge.
  std::string signatureOf(const Part &part, mesh::Program enqueue,
                          mesh::Program dequeue, const GroupState &state);

  /// Levels to blocks. A block is popped by one block only, so the nodes of a
  /// level are taken apart by their parents' blocks; within those, nodes of one
  /// program stay together where a level needs several blocks.
  void place();

  /// Wrapping and saturating ranks share a block if there is a bit to spare for
  /// the latter: an unsigned number is a serial number of one bit more.
  std::vector<std::vector<unsigned>> byOrder(std::vector<unsigned> &list,
                                             bool shaping);

  void pack(std::vector<unsigned> &list, unsigned level, bool shaping);

  /// States, programs and logical PIFOs of a block.
  void fill(unsigned b);

  void addFlow(Part &part, mesh::Program &program);

  /// The nodes of a group share their programs.
  void fillGroup(mesh::Block &block, const std::vector<unsigned> &group);

  /// Entry l of a table by leaf comes from the node above leaf l.
  void mergeLeafTables(const std::vector<unsigned> &group,
                       std::vector<std::array<mesh::Program, 2>> &programs);

  /// Routes, next hops, roots and carried fields.
  void connect();

  unsigned leafBelow(NodeOp node);

  /// A dequeue transaction reads what the elements carry.
  void carryToDequeue(mesh::Block &block);

  /// A released walk goes on with the fields its ancestors read.
  void carryToAncestors(mesh::Block &shaper);

  void checkAtoms();

  /// The predicates of all nodes as one program.
  void classify();
};

} // namespace mlir::pifo

#endif // NM_LIB_TARGET_PIFOMESH_COMPILE_H
