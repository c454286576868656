//===- LanePermute.cpp - In-register permutes of each target -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A segment, what a permute selects from, lies inside one vector register or
// fills several:
//
//   segment   AVX2                      AVX-512        NEON
//   4         vpermilps                 vpermilps      tbl, one table
//   8         vpermps                   vpermps        tbl, two tables
//   16        2 vpermps, blend          vpermps        tbl, four tables
//   32        4 vpermps, 3 blends       vpermt2ps      tbl and tbx, four each
//
//===----------------------------------------------------------------------===//

#include "LanePermute.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::kernel;

namespace {

struct LanePermute {
  KernelBuilder &b;
  int64_t lanes;   ///< f32 elements of a vector register
  int64_t segment; ///< elements that a permute selects from

  Value constant(int64_t count, int32_t value) {
    auto type = VectorType::get({count}, b.getI32Type());
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(type, b.getI32IntegerAttr(value)));
  }

  /// `high` where bit `bit` of the index is set, else `low`.
  Value selectByBit(Value indices, int64_t bit, Value low, Value high) {
    // The blend reads the sign. As a comparison and a select, LLVM would take
    // two more instructions and a constant for each bit.
    Value sign = arith::ShLIOp::create(b, indices, constant(lanes, 31 - bit));
    return b.callIntrinsic(
        "llvm.x86.avx.blendv.ps.256", low.getType(),
        {low, high, vector::BitCastOp::create(b, low.getType(), sign)});
  }

  Value avx2(ArrayRef<Value> sources, Value indices) {
    if (sources.size() == 1 && sources[0])
      return b.callIntrinsic(segment == 4 ? "llvm.x86.avx.vpermilvar.ps.256"
                                          : "llvm.x86.avx2.permps",
                             sources[0].getType(), {sources[0], indices});
    // The instruction takes three bits; those above choose among its results.
    size_t half = sources.size() / 2;
    auto isNamed = [](Value source) { return bool(source); };
    if (llvm::none_of(sources.drop_front(half), isNamed))
      return avx2(sources.take_front(half), indices);
    if (llvm::none_of(sources.take_front(half), isNamed))
      return avx2(sources.drop_front(half), indices);
    Value low = avx2(sources.take_front(half), indices);
    Value high = avx2(sources.drop_front(half), indices);
    return selectByBit(indices, half == 1 ? 3 : 4, low, high);
  }

  Value avx512(ArrayRef<Value> sources, Value indices) {
    Type type = indices.getType();
    type = cast<VectorType>(type).clone(b.getF32Type());
    if (sources.size() == 2 && sources[0] && sources[1])
      return b.callIntrinsic("llvm.x86.avx512.vpermi2var.ps.512", type,
                             {sources[0], indices, sources[1]});
    return b.callIntrinsic(
        segment == 4 ? "llvm.x86.avx512.vpermilvar.ps.512"
                     : "llvm.x86.avx512.permvar.sf.512",
        type, {sources.front() ? sources.front() : sources.back(), indices});
  }

  Value neon(ArrayRef<Value> sources, Value indices) {
    auto bytes = VectorType::get({16}, b.getI8Type());
    auto toBytes = [&](Value value) -> Value {
      return vector::BitCastOp::create(b, bytes, value);
    };
    // What no index names may be anything.
    Value some = *llvm::find_if(sources, [](Value v) { return bool(v); });
    SmallVector<Value> tables;
    for (Value source : sources)
      tables.push_back(toBytes(source ? source : some));
    // The four bytes of element i are 4i, 4i + 1, 4i + 2 and 4i + 3. Not a sum:
    // the multiply-add of integers overwrites its addend, a constant that would
    // be copied for every use.
    Value element = arith::AndIOp::create(b, indices, constant(4, segment - 1));
    Value positions = toBytes(arith::OrIOp::create(
        b, b.mul(element, constant(4, 0x04040404)), constant(4, 0x03020100)));
    size_t first = std::min<size_t>(tables.size(), 4);
    SmallVector<Value> operands(tables.begin(), tables.begin() + first);
    operands.push_back(positions);
    Value result = b.callIntrinsic("llvm.aarch64.neon.tbl" +
                                       std::to_string(first) + ".v16i8",
                                   bytes, operands);
    if (tables.size() > first) {
      // Where a position is past the second four tables, or wraps around
      // before them, tbx keeps what was there.
      Value rest = toBytes(arith::SubIOp::create(
          b, bytes, positions,
          arith::ConstantOp::create(
              b, DenseElementsAttr::get(bytes, b.getI8IntegerAttr(64)))));
      operands.assign({result});
      operands.append(tables.begin() + first, tables.end());
      operands.push_back(rest);
      result = b.callIntrinsic("llvm.aarch64.neon.tbx4.v16i8", bytes, operands);
    }
    return vector::BitCastOp::create(b, some.getType(), result);
  }
};

} // namespace

Value mlir::kernel::emitPermute(KernelBuilder &b, mlir::nm::CPUAttr target,
                                int64_t segment, ArrayRef<Value> sources,
                                Value indices) {
  LanePermute permute{b, target.getLanes(), segment};
  if (target.hasFeature("neon"))
    return permute.neon(sources, indices);
  return permute.lanes == 16 ? permute.avx512(sources, indices)
                             : permute.avx2(sources, indices);
}
