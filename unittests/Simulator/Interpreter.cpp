//===- Interpreter.cpp - Programs as docs/attacc-isa.md defines them -------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Interpreter.h"
#include <cmath>
#include <cstring>
#include <limits>

using namespace nm;
using namespace nm::isa;
using namespace nm::oracle;

static constexpr float kInfinity = std::numeric_limits<float>::infinity();
static constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

namespace {
/// A binary format of IEEE 754's kind: bits of exponent and of fraction.
struct Format {
  int exponent, fraction;
};
} // namespace

static Format formatOf(Type type) {
  return type == Type::F32   ? Format{8, 23}
         : type == Type::F16 ? Format{5, 10}
                             : Format{8, 7};
}

float oracle::decode(uint32_t bits, Type type) {
  if (type == Type::I8)
    return static_cast<float>(static_cast<int8_t>(bits));
  Format f = formatOf(type);
  int top = (1 << f.exponent) - 1, bias = top / 2;
  int exponent = static_cast<int>(bits >> f.fraction) & top;
  uint32_t fraction = bits & ((1u << f.fraction) - 1);
  bool isNegative = bits >> (f.exponent + f.fraction) & 1;
  double value;
  if (exponent == top)
    value = fraction ? static_cast<double>(kNaN) : HUGE_VAL;
  else if (exponent == 0)
    value = std::ldexp(fraction, 1 - bias - f.fraction);
  else
    value =
        std::ldexp(fraction + (1u << f.fraction), exponent - bias - f.fraction);
  return static_cast<float>(isNegative ? -value : value);
}

uint32_t oracle::encode(float value, Type type) {
  Format f = formatOf(type);
  uint32_t top = (1u << f.exponent) - 1, infinity = top << f.fraction;
  if (std::isnan(value)) // the quiet NaN without sign and payload
    return infinity | 1u << (f.fraction - 1);
  uint32_t sign = std::signbit(value) ? 1u << (f.exponent + f.fraction) : 0;
  if (std::isinf(value))
    return sign | infinity;
  if (value == 0)
    return sign;
  int bias = static_cast<int>(top / 2);
  double magnitude = std::fabs(static_cast<double>(value));
  int exponent = std::max(std::ilogb(magnitude), 1 - bias);
  // In units of the last place, to nearest, ties to even. A carry lands in the
  // exponent, where it belongs.
  double units = std::nearbyint(std::ldexp(magnitude, f.fraction - exponent));
  uint64_t bits = (static_cast<uint64_t>(exponent + bias - 1) << f.fraction) +
                  static_cast<uint64_t>(units);
  return sign | (bits >= infinity ? infinity : static_cast<uint32_t>(bits));
}

static float maximum(float a, float b) {
  if (std::isnan(a) || std::isnan(b))
    return kNaN;
  if (a == 0 && b == 0)
    return std::signbit(a) ? b : a;
  return a < b ? b : a;
}

/// True values by long double, whose error is far below half a unit of f32.
float oracle::evaluate(UnaryKind kind, float x) {
  long double v = x;
  switch (kind) {
  case UnaryKind::Copy:
    return x;
  case UnaryKind::Relu:
    return maximum(x, 0.0f);
  case UnaryKind::Gelu:
    return x == -kInfinity
               ? kNaN
               : static_cast<float>(v / 2.0L * erfcl(-v / sqrtl(2.0L)));
  case UnaryKind::GeluTanh: {
    if (x == -kInfinity)
      return kNaN;
    // 1 + tanh(u) = 2 exp(u) / (exp(u) + exp(-u)), exact for negative u.
    long double u = sqrtl(2.0L / acosl(-1.0L)) * (v + 0.044715L * v * v * v);
    if (u > 60.0L) // tanh(u) is 1 here
      return x;
    long double e = expl(2.0L * u);
    return static_cast<float>(v * (e / (e + 1.0L)));
  }
  case UnaryKind::Silu:
    return x == -kInfinity ? kNaN : static_cast<float>(v / (1.0L + expl(-v)));
  case UnaryKind::Tanh:
    return static_cast<float>(tanhl(v));
  case UnaryKind::Exp:
    return static_cast<float>(expl(v));
  case UnaryKind::Sqrt:
    return x < 0 ? kNaN : static_cast<float>(sqrtl(v));
  case UnaryKind::Erf:
    return static_cast<float>(erfl(v));
  case UnaryKind::Log:
    return x < 0 ? kNaN : static_cast<float>(logl(v));
  case UnaryKind::Rsqrt:
    if (x == 0)
      return std::copysign(kInfinity, x);
    return x < 0 ? kNaN : static_cast<float>(1.0L / sqrtl(v));
  case UnaryKind::Sin:
    return std::isinf(x) ? kNaN : static_cast<float>(sinl(v));
  case UnaryKind::Cos:
    return std::isinf(x) ? kNaN : static_cast<float>(cosl(v));
  }
  return kNaN;
}

static float exponential(float x) { return evaluate(UnaryKind::Exp, x); }

/// Page "Values", Row sums.
static float rowSum(const std::vector<float> &row) {
  float partial[16] = {};
  for (size_t j = 0; j < row.size(); ++j)
    partial[j % 16] = partial[j % 16] + row[j];
  float sum = 0;
  for (float part : partial)
    sum = sum + part;
  return sum;
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

Interpreter::Interpreter(const Program &program,
                         std::vector<std::vector<uint8_t>> dram)
    : dram(std::move(dram)), program(program),
      pad(static_cast<size_t>(program.target.scratchpadBytes), 0xa5) {}

Type Interpreter::typeOf(const Tile &tile) const {
  return tile.space == Space::Dram ? program.tensors[tile.object].type
                                   : program.buffers[tile.object].type;
}

int64_t Interpreter::valueOf(const Affine &affine) const {
  int64_t value = affine.base;
  for (auto [depth, step] : affine.steps)
    value += step * counters[depth];
  return value;
}

uint8_t *Interpreter::address(const Tile &tile, const Index &index) {
  bool isDram = tile.space == Space::Dram;
  const std::vector<int64_t> &shape = isDram
                                          ? program.tensors[tile.object].shape
                                          : program.buffers[tile.object].shape;
  int64_t slot = tile.slot;
  std::vector<int64_t> place(tile.offsets.begin(),
                             tile.offsets.begin() + shape.size());
  for (const Counter &counter : tile.counters) {
    slot += counter.slotStep * counters[counter.depth];
    for (size_t k = 0; k < shape.size(); ++k)
      place[k] += counter.steps[k] * counters[counter.depth];
  }
  for (size_t d = 0; d < tile.dims.size(); ++d)
    place[tile.dims[d]] += index[d];
  int64_t element = 0, count = 1;
  for (size_t k = 0; k < shape.size(); ++k) { // row-major
    element = element * shape[k] + place[k];
    count *= shape[k];
  }
  int64_t width = typeBytes(typeOf(tile));
  if (isDram)
    return &dram[tile.object][static_cast<size_t>(element * width)];
  const Buffer &buffer = program.buffers[tile.object];
  return &pad[static_cast<size_t>(
      buffer.address + slot % buffer.slots * count * width + element * width)];
}

uint32_t Interpreter::bits(const Tile &tile, const Index &index) {
  const uint8_t *bytes = address(tile, index);
  uint32_t value = 0;
  for (int64_t i = typeBytes(typeOf(tile)); i > 0; --i) // little endian
    value = value << 8 | bytes[i - 1];
  return value;
}

void Interpreter::setBits(const Tile &tile, const Index &index,
                          uint32_t value) {
  uint8_t *bytes = address(tile, index);
  for (int64_t i = 0; i < typeBytes(typeOf(tile)); ++i)
    bytes[i] = static_cast<uint8_t>(value >> (8 * i));
}

float Interpreter::get(const Tile &tile, const Index &index) {
  return decode(bits(tile, index), typeOf(tile));
}

void Interpreter::put(const Tile &tile, const Index &index, float value) {
  setBits(tile, index, encode(value, typeOf(tile)));
}

/// Calls body for each index of a tile, the last dimension fastest.
template <typename Body> static void forEach(const Tile &tile, Body body) {
  std::vector<int64_t> index(tile.dims.size(), 0);
  for (;;) {
    body(index);
    size_t d = index.size();
    while (d > 0 && ++index[d - 1] == tile.size(static_cast<int64_t>(d) - 1))
      index[--d] = 0;
    if (d == 0)
      return;
  }
}

//===----------------------------------------------------------------------===//
// Instructions
//===----------------------------------------------------------------------===//

void Interpreter::run() {
  struct Open {
    size_t begin;
    int64_t trips;
  };
  std::vector<Open> open;
  for (size_t at = 0; at < program.code.size(); ++at) {
    const Instruction &instruction = program.code[at];
    if (instruction.opcode == Opcode::Loop) {
      counters[open.size()] = 0;
      open.push_back({at, instruction.trips});
    } else if (instruction.opcode == Opcode::EndLoop) {
      if (++counters[open.size() - 1] < open.back().trips)
        at = open.back().begin;
      else
        open.pop_back();
    } else {
      execute(instruction);
    }
  }
}

void Interpreter::copy(const Instruction &i) {
  forEach(i.operands[0], [&](const Index &index) {
    setBits(i.operands[1], index, bits(i.operands[0], index));
  });
}

void Interpreter::gemm(const Instruction &i) {
  const Tile &lhs = i.operands[0], &rhs = i.operands[1], &dest = i.operands[2];
  int64_t lead = lhs.rank() - 2; // 1 with products side by side
  int64_t depth = lhs.size(lead + (i.transposeLhs ? 0 : 1));
  forEach(dest, [&](const Index &index) {
    float sum = 0;
    for (int64_t k = 0; k < depth; ++k) {
      Index left = index, right = index;
      int64_t row = index[lead], column = index[lead + 1];
      left[lead] = i.transposeLhs ? k : row;
      left[lead + 1] = i.transposeLhs ? row : k;
      right[lead] = i.transposeRhs ? column : k;
      right[lead + 1] = i.transposeRhs ? k : column;
      float product = get(lhs, left) * get(rhs, right);
      sum = sum + product;
    }
    float result = i.value * sum;
    put(dest, index, i.accumulate ? get(dest, index) + result : result);
  });
}

void Interpreter::nmGemm(const Instruction &i) {
  const Tile &lhs = i.operands[0], &values = i.operands[1],
             &indices = i.operands[2], &dest = i.operands[3];
  int width = 0; // ceil(log2 M) bits of an index
  while ((1 << width) < i.pattern.m)
    ++width;
  forEach(dest, [&](const Index &index) {
    int64_t row = index[0], column = index[1];
    float sum = 0;
    for (int64_t kept = 0; kept < values.size(1); ++kept) {
      int64_t place = 0;
      for (int b = 0; b < width; ++b) { // lowest bit first
        int64_t bit = kept * width + b;
        if (bits(indices, {column, bit / 8}) >> (bit % 8) & 1)
          place |= int64_t(1) << b;
      }
      place = std::min<int64_t>(place, i.pattern.m - 1);
      int64_t k = kept / i.pattern.n * i.pattern.m + place;
      float product = get(lhs, {row, k}) * get(values, {column, kept});
      sum = sum + product;
    }
    float result = i.value * sum;
    put(dest, index, i.accumulate ? get(dest, index) + result : result);
  });
}

void Interpreter::mask(const Instruction &i) {
  forEach(i.operands[0], [&](const Index &index) {
    int64_t row = valueOf(i.row) + index[0], k = valueOf(i.column) + index[1];
    int64_t q = row / i.group; // never negative
    if ((i.causal && k > q) || (i.window > 0 && k + i.window <= q) ||
        (i.keys > 0 && k >= i.keys))
      put(i.operands[0], index, -kInfinity);
  });
}

/// What works on row `r` of a matrix.
void Interpreter::row(const Instruction &i, int64_t r, int64_t columns) {
  auto read = [&](int operand) {
    std::vector<float> values;
    for (int64_t j = 0; j < columns; ++j)
      values.push_back(get(i.operands[operand], {r, j}));
    return values;
  };
  auto readVector = [&](int operand) {
    std::vector<float> values;
    for (int64_t j = 0; j < columns; ++j)
      values.push_back(get(i.operands[operand], {j}));
    return values;
  };
  auto write = [&](int operand, const std::vector<float> &values) {
    for (int64_t j = 0; j < columns; ++j)
      put(i.operands[operand], {r, j}, values[j]);
  };
  switch (i.opcode) {
  case Opcode::RowMax: {
    std::vector<float> x = read(0);
    float max = x[0];
    for (float value : x)
      max = maximum(max, value);
    if (i.accumulate)
      max = maximum(max, get(i.operands[1], {r}));
    return put(i.operands[1], {r}, max);
  }
  case Opcode::ExpSum: {
    std::vector<float> x = read(0);
    float max = get(i.operands[1], {r}), before = get(i.operands[3], {r});
    for (float &value : x)
      value = max == -kInfinity ? 0.0f : exponential(value - max);
    float sum = rowSum(x);
    write(2, x);
    return put(i.operands[3], {r}, i.accumulate ? before + sum : sum);
  }
  case Opcode::Rescale: {
    float old = get(i.operands[0], {r}), next = get(i.operands[1], {r});
    float factor = old == -kInfinity ? 0.0f : exponential(old - next);
    put(i.operands[2], {r}, get(i.operands[2], {r}) * factor);
    std::vector<float> x = read(3);
    for (float &value : x)
      value = value * factor;
    write(3, x);
    return put(i.operands[0], {r}, next);
  }
  case Opcode::Scale: {
    std::vector<float> x = read(0);
    float factor = get(i.operands[1], {r});
    for (float &value : x)
      value = !i.reciprocal ? value * factor
              : factor == 0 ? 0.0f
                            : value / factor;
    return write(2, x);
  }
  case Opcode::Softmax: {
    std::vector<float> x = read(0);
    for (float &value : x)
      value = i.value * value;
    float max = x[0];
    for (float value : x)
      max = maximum(max, value);
    if (max == -kInfinity)
      return write(1, std::vector<float>(x.size(), 0.0f));
    for (float &value : x)
      value = exponential(value - max);
    float sum = rowSum(x);
    for (float &value : x)
      value = value / sum;
    return write(1, x);
  }
  case Opcode::LayerNorm: {
    std::vector<float> x = read(0), gamma = readVector(1), beta = readVector(2),
                       squares;
    float count = static_cast<float>(columns), mean = rowSum(x) / count;
    for (float &value : x) {
      value = value - mean;
      squares.push_back(value * value);
    }
    float variance = rowSum(squares) / count;
    float sum = variance + i.value, scale = 1.0f / std::sqrt(sum);
    for (size_t j = 0; j < x.size(); ++j) {
      float scaled = x[j] * scale * gamma[j];
      x[j] = scaled + beta[j];
    }
    return write(3, x);
  }
  default:
    return;
  }
}

void Interpreter::elements(const Instruction &i) {
  const Tile &dest = i.operands.back();
  // All is read before anything is written.
  std::vector<float> results;
  forEach(dest, [&](const Index &index) {
    if (i.opcode == Opcode::Fill)
      return results.push_back(i.value);
    float x = get(i.operands[0], index);
    if (i.opcode == Opcode::Unary)
      return results.push_back(evaluate(i.unary, x));
    const Tile &rhs = i.operands[1];
    float y = rhs.rank() == i.operands[0].rank() ? get(rhs, index)
                                                 : get(rhs, {index.back()});
    switch (i.binary) {
    case BinaryKind::Add:
      return results.push_back(x + y);
    case BinaryKind::Sub:
      return results.push_back(x - y);
    case BinaryKind::Mul:
      return results.push_back(x * y);
    case BinaryKind::Max:
      return results.push_back(maximum(x, y));
    case BinaryKind::Div:
      return results.push_back(x / y);
    }
  });
  size_t next = 0;
  forEach(dest, [&](const Index &index) { put(dest, index, results[next++]); });
}

void Interpreter::execute(const Instruction &i) {
  switch (i.opcode) {
  case Opcode::Load:
  case Opcode::Store:
    return copy(i);
  case Opcode::Gemm:
    return gemm(i);
  case Opcode::NMGemm:
    return nmGemm(i);
  case Opcode::Mask:
    return mask(i);
  case Opcode::Unary:
  case Opcode::Elementwise:
  case Opcode::Fill:
    return elements(i);
  case Opcode::RowMax:
  case Opcode::ExpSum:
  case Opcode::Rescale:
  case Opcode::Scale:
  case Opcode::Softmax:
  case Opcode::LayerNorm: {
    const Tile &matrix = i.operands[i.opcode == Opcode::Rescale ? 3 : 0];
    for (int64_t r = 0; r < matrix.size(0); ++r)
      row(i, r, matrix.size(1));
    return;
  }
  case Opcode::Sync:
  case Opcode::Barrier:
  case Opcode::Loop:
  case Opcode::EndLoop:
    return;
  }
}
