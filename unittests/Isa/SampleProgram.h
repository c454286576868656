//===- SampleProgram.h - A program with a bit of everything -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_UNITTESTS_ISA_SAMPLEPROGRAM_H
#define NM_UNITTESTS_ISA_SAMPLEPROGRAM_H

#include "nm/Isa/Builder.h"
#include "nm/Isa/Encoding.h"
#include <gtest/gtest.h>
#include <limits>

namespace nm::isa {

/// Every opcode, and every feature of tables and tiles.
inline Program sample() {
  Target target;
  target.name = "edge \"quoted\\\n";
  target.scratchpadBytes = 1 << 20;
  target.channels = 4;
  target.segments = 32;
  target.patterns = {{2, 4}, {1, 8}};
  Builder b("sample", target);
  Tensor in;
  in.name = "x";
  in.role = Role::In;
  in.type = Type::F16;
  in.shape = {64, 32};
  in.hostShape = {1, 64, 32};
  TensorId x = b.tensor(in);
  Tensor out = in;
  out.name = "y";
  out.role = Role::Out;
  out.strides = {48, 1};
  out.hostType = Type::BF16;
  TensorId y = b.tensor(out);
  Tensor values;
  values.name = "w.values";
  values.role = Role::Param;
  values.type = Type::F16;
  values.shape = {32, 16};
  values.hostShape = {32, 32};
  values.key = "layer.w";
  values.scope = "adapter";
  values.part = Part::Values;
  values.pattern = {2, 4};
  TensorId w = b.tensor(values);
  Tensor indices = values;
  indices.name = "w.indices";
  indices.type = Type::I8;
  indices.part = Part::Indices;
  indices.shape = {32, 4};
  TensorId wi = b.tensor(indices);
  Tensor constant;
  constant.name = "c";
  constant.role = Role::Constant;
  constant.shape = {3};
  constant.data = {0, 0, 128, 63, 255, 1, 2, 3, 9, 10, 11, 12};
  b.tensor(constant);
  b.scratch("s", Type::F32, {2, 3, 4, 5});

  Stream rows(b, Type::F16, {8, 32});
  BufferId wide = b.buffer(Type::F32, {8, 32});
  BufferId v = b.buffer(Type::F16, {32, 16}), vi = b.buffer(Type::I8, {32, 4});
  BufferId r[3] = {b.buffer(Type::F32, {8}), b.buffer(Type::F32, {8}),
                   b.buffer(Type::F32, {8})};
  BufferId vector = b.buffer(Type::F32, {32});
  BufferId cube = b.buffer(Type::F16, {2, 8, 8}, 3);
  b.load(b.tile(w), b.tile(v), 1, {});
  b.load(b.tile(wi), b.tile(vi), 3, {});
  b.barrier();
  LoopId i = b.beginLoop(4), j = b.beginLoop(2);
  TileRef slot = b.tile(rows.buffer).slotBy(i, 2).slotBy(j);
  b.load(b.tile(x, {0, 0}, {8, 32}).by(i, 0, 16).by(j, 0, 8), slot, 0,
         rows.produce());
  Instruction &product = b.nmGemm(Stationarity::Weight, {2, 4}, slot, b.tile(v),
                                  b.tile(vi), b.tile(wide), rows.consume());
  product.accumulate = true;
  product.value = 0.125f;
  b.sync(Engine::Array, 0, {});
  b.sync(Engine::Store, 2, {});
  b.endLoop(j);
  b.endLoop(i);
  b.barrier();
  Instruction &packed =
      b.gemm(Stationarity::Input, b.tile(cube),
             b.tile(cube, {0, 0, 0}, {2, 8, 8}).dims({0, 2, 1}).slot(1),
             b.tile(cube).slot(2), {});
  packed.transposeRhs = true;
  packed.transposeLhs = true;
  Tile whole = b.tile(wide);
  b.special(Opcode::RowMax, {whole, b.tile(r[0])}, {}).accumulate = true;
  b.special(Opcode::ExpSum, {whole, b.tile(r[0]), whole, b.tile(r[1])}, {});
  b.special(Opcode::Rescale, {b.tile(r[0]), b.tile(r[1]), b.tile(r[2]), whole},
            {});
  b.special(Opcode::Scale, {whole, b.tile(r[1]), whole}, {}).reciprocal = true;
  b.special(Opcode::Softmax, {whole, whole}, {}).value = -1.5f;
  LoopId k = b.beginLoop(3);
  Instruction &mask = b.special(Opcode::Mask, {whole}, {});
  mask.row.base = 5;
  mask.row.steps = {{0, 8}};
  mask.column.base = 40;
  mask.column.steps = {{0, -16}};
  mask.group = 4;
  mask.window = 9;
  mask.keys = 77;
  mask.causal = true;
  b.endLoop(k);
  b.special(Opcode::LayerNorm, {whole, b.tile(vector), b.tile(vector), whole},
            {})
      .value = 1e-12f;
  b.special(Opcode::Unary, {whole, whole}, {}).unary = UnaryKind::GeluTanh;
  b.special(Opcode::Elementwise, {whole, b.tile(vector), whole}, {}).binary =
      BinaryKind::Max;
  b.special(Opcode::Fill, {whole}, {}).value =
      -std::numeric_limits<float>::infinity();
  b.barrier();
  b.store(b.tile(rows.buffer), b.tile(y, {0, 0}, {8, 32}), 2, {});
  Result<Program> program = b.finish();
  EXPECT_TRUE(program.ok()) << program.error().message;
  return std::move(*program);
}

} // namespace nm::isa

#endif // NM_UNITTESTS_ISA_SAMPLEPROGRAM_H
