//===- SystemVerilog.h - PIFO meshes as SystemVerilog -----------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_TARGET_SYSTEMVERILOG_SYSTEMVERILOG_H
#define NM_TARGET_SYSTEMVERILOG_SYSTEMVERILOG_H

#include "nm/Model/PifoMesh/Config.h"
#include <string>

namespace nm::mesh {

/// The modules of every mesh: nm_pifo_flow_scheduler, nm_pifo_rank_store and
/// nm_pifo_block.
std::string systemVerilogOfBlock();

/// The atoms: one combinational module per program, `<mesh>_<block>_<program>`.
/// `config` must be valid.
std::string systemVerilogOfAtoms(const Config &config);

/// One self-contained file: the modules above and the module `config.name`,
/// which equals the cycle-level model (Mesh) in every cycle. Its ports:
///   clk, rst               synchronous reset, active high
///   now                    wall clock, nowBits wide
///   enq_valid, enq_leaf, enq_fields, enq_ready
///                          a packet; fields packed, the first in the low bits
///   deq_valid, deq_root, deq_ready
///                          a request to the root of a port
///   out_valid, out_fields  the packet that leaves
///   fault                  an internal request was refused; never in a valid
///                          mesh, sticky
/// A mesh with a classifier gets the module `<name>_front` too, into which only
/// fields come: the same ports without enq_leaf, and with
///   enq_known              the packet at enq_fields belongs to a leaf; one
///   that
///                          does not is not taken
std::string systemVerilogOfMesh(const Config &config);

/// The mesh and `<name>_axis` around it, behind its classifier if it has one:
/// packets come on s_axis, one is asked for on request, and leaves on m_axis.
std::string systemVerilogOfMeshAxis(const Config &config);
/// A testbench of that module, with packets and what the model says of them.
std::string testbenchOfMeshAxis(const Config &config);
/// Its clock as SDC, and its data sheet as Markdown; `clock` is in MHz.
std::string constraintsOfMeshAxis(const Config &config, int64_t clock);
std::string dataSheetOfMeshAxis(const Config &config, int64_t clock);

} // namespace nm::mesh

#endif // NM_TARGET_SYSTEMVERILOG_SYSTEMVERILOG_H
