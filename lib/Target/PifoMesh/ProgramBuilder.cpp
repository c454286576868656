//===- ProgramBuilder.cpp - Values of atom programs -----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Import.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::pifo;

using AtomOp = mesh::Op;

static bool same(const mesh::Value &a, const mesh::Value &b) {
  return a.op == b.op && a.bits == b.bits && a.immediate == b.immediate &&
         a.index == b.index && a.a == b.a && a.b == b.b && a.c == b.c;
}

int ProgramBuilder::push(mesh::Value value) {
  // A table stays its own value: those of nodes that share a program are
  // merged later, and must not have been merged with one another by chance.
  if (value.op != AtomOp::Lookup)
    for (size_t i = 0; i < program.values.size(); ++i)
      if (same(program.values[i], value))
        return static_cast<int>(i);
  activeBits.push_back(boundOfValue(program, activeBits, value));
  program.values.push_back(std::move(value));
  return static_cast<int>(program.values.size()) - 1;
}

int ProgramBuilder::add(AtomOp op, unsigned bits, int a, int b, int c) {
  mesh::Value value;
  value.op = op;
  value.bits = bits;
  value.a = a;
  value.b = b;
  value.c = c;
  return push(std::move(value));
}

int ProgramBuilder::constant(unsigned bits, uint64_t immediate) {
  mesh::Value value;
  value.bits = bits;
  value.immediate = immediate & mesh::maskOf(bits);
  return push(std::move(value));
}

int ProgramBuilder::indexed(AtomOp op, unsigned bits, unsigned index, int a) {
  mesh::Value value;
  value.op = op;
  value.bits = bits;
  value.index = index;
  value.a = a;
  return push(std::move(value));
}

int ProgramBuilder::lookup(unsigned bits, int a, std::vector<uint64_t> table) {
  mesh::Value value;
  value.op = AtomOp::Lookup;
  value.bits = bits;
  value.a = a;
  value.table = std::move(table);
  return push(std::move(value));
}

int ProgramBuilder::resize(int value, unsigned width) {
  if (bits(value) == width)
    return value;
  return add(bits(value) < width ? AtomOp::ZExt : AtomOp::Trunc, width, value);
}

int ProgramBuilder::resizeSigned(int value, unsigned width) {
  if (bits(value) == width)
    return value;
  return add(bits(value) < width ? AtomOp::SExt : AtomOp::Trunc, width, value);
}

int ProgramBuilder::select(int condition, int a, int b) {
  return a == b ? a : add(AtomOp::Select, bits(a), condition, a, b);
}

int ProgramBuilder::multiply(int value, uint64_t factor) {
  unsigned width = bits(value);
  if (factor == 0)
    return constant(width, 0);
  if (llvm::isPowerOf2_64(factor)) {
    unsigned shift = llvm::Log2_64(factor);
    return shift == 0 ? value
                      : add(AtomOp::Shl, width, value, constant(width, shift));
  }
  return add(AtomOp::Mul, width, value, constant(width, factor));
}

int ProgramBuilder::divideSigned(int value, uint64_t divisor) {
  unsigned width = bits(value), log = llvm::Log2_64(divisor);
  if (log == 0)
    return value;
  // A shift rounds down; what is added first makes it round up below zero.
  int negative = add(AtomOp::SLt, 1, value, constant(width, 0));
  int more = select(negative, constant(width, divisor - 1), constant(width, 0));
  return add(AtomOp::AShr, width, add(AtomOp::Add, width, value, more),
             constant(width, log));
}

/// By multiplication with a rounded-up reciprocal (Granlund and Montgomery,
/// "Division by Invariant Integers using Multiplication", 1994): exact for
/// operands of n bits if the reciprocal has n + log2(divisor) bits after the
/// point.
int ProgramBuilder::divide(int value, uint64_t divisor) {
  unsigned width = bits(value);
  if (divisor == 0)
    return -1;
  unsigned zeros = llvm::countr_zero(divisor);
  if (zeros > 0) {
    if (zeros >= width)
      return constant(width, 0);
    value = add(AtomOp::LShr, width, value, constant(width, zeros));
    divisor >>= zeros;
  }
  if (divisor == 1)
    return value;
  unsigned n = active(value), log = llvm::Log2_64_Ceil(divisor);
  // The product has at most 2 n + 1 bits.
  if (2 * n + 1 > 64 || n + log > 63)
    return -1;
  uint64_t reciprocal = ((uint64_t(1) << (n + log)) + divisor - 1) / divisor;
  int wide = resize(value, 64);
  int product = add(AtomOp::Mul, 64, wide, constant(64, reciprocal));
  int quotient = add(AtomOp::LShr, 64, product, constant(64, n + log));
  return resize(quotient, width);
}
