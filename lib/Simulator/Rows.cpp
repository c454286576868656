//===- Rows.cpp - Values of the special function unit ----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Convert.h"
#include "Values.h"
#include "nm/Support/Clones.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace nm::sim {

using isa::BinaryKind;
using isa::Instruction;
using isa::Opcode;
using isa::UnaryKind;

namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

/// The rows of a matrix: all dimensions but the last.
class Rows {
public:
  explicit Rows(const View &matrix)
      : lead(std::max(matrix.rank - 1, 0)),
        columns(matrix.rank ? matrix.sizes[lead] : 1) {
    for (int d = 0; d < lead; ++d)
      sizes[d] = matrix.sizes[d];
  }

  /// Calls body() for each row.
  template <typename Body> void forEach(Body body) {
    index = {};
    for (;;) {
      body();
      int d = lead - 1;
      for (; d >= 0 && ++index[d] == sizes[d]; --d)
        index[d] = 0;
      if (d < 0)
        return;
      row = 0;
      for (int e = 0; e < lead; ++e)
        row = row * sizes[e] + index[e];
    }
  }

  /// The row in a matrix, or the element in a vector of as many rows.
  uint8_t *place(const View &view) const {
    int64_t offset = 0;
    for (int d = 0; d < lead; ++d)
      offset += index[d] * view.strides[d];
    return view.at(offset);
  }
  int64_t stride(const View &matrix) const {
    return matrix.rank ? matrix.strides[lead] : 1;
  }
  void read(const View &matrix, float *to) const {
    toFloats(place(matrix), matrix.type, columns, stride(matrix), to);
  }
  void write(const View &matrix, const float *from) const {
    fromFloats(from, matrix.type, columns, stride(matrix), place(matrix));
  }
  float readOne(const View &vector) const {
    float value;
    toFloats(place(vector), vector.type, 1, 1, &value);
    return value;
  }
  void writeOne(const View &vector, float value) const {
    fromFloats(&value, vector.type, 1, 1, place(vector));
  }
  /// Number of the row, in row-major order.
  int64_t number() const { return row; }
  int64_t size() const { return columns; }

private:
  int lead;
  int64_t columns, row = 0;
  std::array<int64_t, isa::kMaxRank> sizes{}, index{};
};

template <typename To, typename From> NM_INLINE To bitsAs(From from) {
  To to;
  std::memcpy(&to, &from, sizeof(to));
  return to;
}

/// e^x rounded to f32, the same on every processor: 2^n e^r in double with the
/// series of e^r for |r| <= ln(2) / 2, cut where it no longer counts.
NM_INLINE float exponential(float argument) {
  constexpr double magic = 6755399441055744.0; // 1.5 * 2^52: sums are whole
  // ln(2) in two parts; products of the first with n are exact (fdlibm).
  constexpr double ln2High = 6.93147180369123816490e-01;
  constexpr double ln2Low = 1.90821492927058770002e-10;
  // Beyond, results are zero or infinity. What is no number stays so.
  double x = argument < -110.0f ? -110.0 : static_cast<double>(argument);
  x = x > 90.0 ? 90.0 : x;
  double shifted = x * 1.4426950408889634 + magic;
  uint64_t n = bitsAs<uint64_t>(shifted) - bitsAs<uint64_t>(magic);
  double whole = shifted - magic;
  double r = x - whole * ln2High - whole * ln2Low;
  double y = 1.0 / 6227020800.0;
  for (double inverse : {1.0 / 479001600.0, 1.0 / 39916800.0, 1.0 / 3628800.0,
                         1.0 / 362880.0, 1.0 / 40320.0, 1.0 / 5040.0,
                         1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5})
    y = y * r + inverse;
  y = y * (r * r) + r + 1.0;
  return static_cast<float>(y * bitsAs<double>((n + 1023) << 52));
}

/// NaN if either is; +0 is larger than -0.
NM_INLINE float maximum(float a, float b) {
  float larger = a > b ? a : b; // b if either is no number
  uint32_t both = bitsAs<uint32_t>(a) & bitsAs<uint32_t>(b);
  larger = a == b ? bitsAs<float>(both) : larger;
  return a != a ? a : larger;
}

// Rows are summed and compared in 16 lanes, which are joined in order.
constexpr int kLanes = 16;

NM_CLONED(float, largest, (const float *row, int64_t count), (row, count), {
  float lanes[kLanes];
  std::fill(lanes, lanes + kLanes, kMinusInfinity);
  int64_t j = 0;
  for (; j + kLanes <= count; j += kLanes)
    for (int l = 0; l != kLanes; ++l)
      lanes[l] = maximum(row[j + l], lanes[l]);
  for (; j < count; ++j)
    lanes[0] = maximum(row[j], lanes[0]);
  float max = lanes[0];
  for (int l = 1; l != kLanes; ++l)
    max = maximum(lanes[l], max);
  return max;
})

NM_CLONED(float, sumOf, (const float *row, int64_t count), (row, count), {
  float lanes[kLanes] = {};
  int64_t j = 0;
  for (; j + kLanes <= count; j += kLanes)
    for (int l = 0; l != kLanes; ++l)
      lanes[l] += row[j + l];
  for (int l = 0; j < count; ++j)
    lanes[l++] += row[j];
  float sum = 0;
  for (float lane : lanes)
    sum += lane;
  return sum;
})

/// row = exp(row - max), zeros where all is masked; returns the sum.
NM_CLONED(float, exponentials, (float *row, int64_t count, float max),
          (row, count, max), {
            if (max == kMinusInfinity) {
              std::fill(row, row + count, 0.0f);
              return 0.0f;
            }
            for (int64_t j = 0; j < count; ++j)
              row[j] = exponential(row[j] - max);
            return sumOf(row, count);
          })

NM_CLONED(void, scaleRow, (float *row, int64_t count, float factor),
          (row, count, factor), {
            for (int64_t j = 0; j < count; ++j)
              row[j] *= factor;
          })

NM_CLONED(void, divideRow, (float *row, int64_t count, float divisor),
          (row, count, divisor), {
            for (int64_t j = 0; j < count; ++j)
              row[j] /= divisor;
          })

/// Functions are worked out in double, so that one rounding to f32 is left.
/// Their limits at minus infinity are those of the formulas that models spell:
/// NaN for those that multiply by x.
float activate(UnaryKind kind, float argument) {
  double x = static_cast<double>(argument);
  switch (kind) {
  case UnaryKind::Copy:
    return argument;
  case UnaryKind::Relu:
    return maximum(argument, 0.0f);
  case UnaryKind::Gelu: // 1 + erf(z) = erfc(-z), without cancellation
    return static_cast<float>(0.5 * x * std::erfc(-0.70710678118654752440 * x));
  case UnaryKind::GeluTanh: { // (1 + tanh(u)) / 2 = 1 / (1 + exp(-2 u))
    double u = 0.79788456080286535588 * (x + 0.044715 * x * x * x);
    return static_cast<float>(x / (1.0 + std::exp(-2.0 * u)));
  }
  case UnaryKind::Silu:
    return static_cast<float>(x / (1.0 + std::exp(-x)));
  case UnaryKind::Tanh:
    return static_cast<float>(std::tanh(x));
  case UnaryKind::Exp:
    return exponential(argument);
  case UnaryKind::Sqrt:
    return std::sqrt(argument);
  case UnaryKind::Erf:
    return static_cast<float>(std::erf(x));
  case UnaryKind::Log:
    return static_cast<float>(std::log(x));
  case UnaryKind::Rsqrt:
    return static_cast<float>(1.0 / std::sqrt(x));
  case UnaryKind::Sin:
    return static_cast<float>(std::sin(x));
  case UnaryKind::Cos:
    return static_cast<float>(std::cos(x));
  }
  return argument;
}

template <typename Operation>
NM_INLINE void combineWith(float *x, const float *y, int64_t count,
                           Operation operation) {
  for (int64_t j = 0; j < count; ++j)
    x[j] = operation(x[j], y[j]);
}

NM_CLONED(
    void, combine, (BinaryKind kind, float *x, const float *y, int64_t count),
    (kind, x, y, count), {
      switch (kind) {
      case BinaryKind::Add:
        return combineWith(x, y, count, [](float a, float b) { return a + b; });
      case BinaryKind::Sub:
        return combineWith(x, y, count, [](float a, float b) { return a - b; });
      case BinaryKind::Mul:
        return combineWith(x, y, count, [](float a, float b) { return a * b; });
      case BinaryKind::Max:
        return combineWith(x, y, count,
                           [](float a, float b) { return maximum(a, b); });
      case BinaryKind::Div:
        return combineWith(x, y, count, [](float a, float b) { return a / b; });
      }
    })

int64_t evaluate(const isa::Affine &affine, const Counters &counters) {
  int64_t value = affine.base;
  for (auto [depth, step] : affine.steps)
    value += counters[depth] * step;
  return value;
}

int64_t floorDiv(int64_t a, int64_t b) {
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

void mask(const Instruction &i, const View &dest, const Counters &counters) {
  Rows rows(dest);
  int64_t firstRow = evaluate(i.row, counters);
  int64_t firstKey = evaluate(i.column, counters);
  int64_t height = dest.rank > 1 ? dest.sizes[dest.rank - 2] : 1;
  rows.forEach([&] {
    int64_t query = floorDiv(firstRow + rows.number() % height, i.group);
    // Keys in [low, high) stay.
    int64_t low = i.window > 0 ? query - i.window + 1
                               : std::numeric_limits<int64_t>::min();
    int64_t high = std::numeric_limits<int64_t>::max();
    if (i.causal)
      high = query + 1;
    if (i.keys > 0)
      high = std::min(high, i.keys);
    if (firstKey >= low && firstKey + rows.size() <= high)
      return;
    // Other elements keep their bits.
    View row = dest;
    row.base = rows.place(dest);
    for (int64_t j = 0; j < rows.size(); ++j)
      if (firstKey + j < low || firstKey + j >= high)
        fromFloats(&kMinusInfinity, dest.type, 1, 1,
                   row.at(j * rows.stride(dest)));
  });
}

void layerNorm(const Instruction &i, const View *o, Scratch &scratch) {
  Rows rows(o[0]);
  int64_t count = rows.size();
  scratch.first.resize(count);
  scratch.second.resize(count);
  scratch.third.resize(count);
  scratch.fourth.resize(count);
  float *x = scratch.first.data(), *squares = scratch.fourth.data();
  toFloats(o[1].base, o[1].type, count, o[1].strides[0], scratch.second.data());
  toFloats(o[2].base, o[2].type, count, o[2].strides[0], scratch.third.data());
  float size = static_cast<float>(count);
  rows.forEach([&] {
    rows.read(o[0], x);
    float mean = sumOf(x, count) / size;
    for (int64_t j = 0; j < count; ++j) {
      x[j] -= mean;
      squares[j] = x[j] * x[j];
    }
    float variance = sumOf(squares, count) / size;
    float scale = 1.0f / std::sqrt(variance + i.value);
    for (int64_t j = 0; j < count; ++j)
      x[j] = x[j] * scale * scratch.second[j] + scratch.third[j];
    rows.write(o[3], x);
  });
}

} // namespace

void computeSpecial(const Instruction &i, const View *o,
                    const Counters &counters, Scratch &scratch) {
  if (i.opcode == Opcode::Mask)
    return mask(i, o[0], counters);
  if (i.opcode == Opcode::LayerNorm)
    return layerNorm(i, o, scratch);
  Rows rows(i.opcode == Opcode::Rescale ? o[3] : o[0]);
  int64_t count = rows.size();
  scratch.first.resize(count);
  scratch.second.resize(count);
  float *x = scratch.first.data();
  switch (i.opcode) {
  case Opcode::RowMax:
    return rows.forEach([&] {
      rows.read(o[0], x);
      float max = largest(x, count);
      if (i.accumulate)
        max = maximum(rows.readOne(o[1]), max);
      rows.writeOne(o[1], max);
    });
  case Opcode::ExpSum:
    return rows.forEach([&] {
      rows.read(o[0], x);
      float sum = exponentials(x, count, rows.readOne(o[1]));
      rows.write(o[2], x);
      rows.writeOne(o[3], i.accumulate ? rows.readOne(o[3]) + sum : sum);
    });
  case Opcode::Rescale:
    return rows.forEach([&] {
      float old = rows.readOne(o[0]), next = rows.readOne(o[1]);
      float factor = old == kMinusInfinity ? 0.0f : exponential(old - next);
      rows.writeOne(o[2], rows.readOne(o[2]) * factor);
      rows.read(o[3], x);
      scaleRow(x, count, factor);
      rows.write(o[3], x);
      rows.writeOne(o[0], next);
    });
  case Opcode::Scale:
    return rows.forEach([&] {
      float factor = rows.readOne(o[1]);
      rows.read(o[0], x);
      if (!i.reciprocal)
        scaleRow(x, count, factor);
      else if (factor == 0)
        std::fill(x, x + count, 0.0f);
      else
        divideRow(x, count, factor);
      rows.write(o[2], x);
    });
  case Opcode::Softmax:
    return rows.forEach([&] {
      rows.read(o[0], x);
      scaleRow(x, count, i.value);
      float sum = exponentials(x, count, largest(x, count));
      if (sum != 0) // zeros stay
        divideRow(x, count, sum);
      rows.write(o[1], x);
    });
  case Opcode::Unary:
    return rows.forEach([&] {
      rows.read(o[0], x);
      for (int64_t j = 0; j < count; ++j)
        x[j] = activate(i.unary, x[j]);
      rows.write(o[1], x);
    });
  case Opcode::Elementwise: {
    bool isVector = o[1].rank < o[0].rank;
    float *y = scratch.second.data();
    if (isVector)
      toFloats(o[1].base, o[1].type, count, o[1].strides[0], y);
    return rows.forEach([&] {
      rows.read(o[0], x);
      if (!isVector)
        rows.read(o[1], y);
      combine(i.binary, x, y, count);
      rows.write(o[2], x);
    });
  }
  case Opcode::Fill:
    std::fill(scratch.first.begin(), scratch.first.end(), i.value);
    return rows.forEach([&] { rows.write(o[0], x); });
  default:
    return;
  }
}

} // namespace nm::sim
