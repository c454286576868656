//===- Rows.cpp - Values of the special function unit ----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Clones.h"
#include "Convert.h"
#include "Values.h"
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

/// exp(x) within two units in the last place, the same on every processor:
/// 2^n e^r with the polynomial of Cephes for r within ln(2) / 2.
NM_INLINE float exponential(float x) {
  constexpr float magic = 12582912.0f; // 1.5 * 2^23: sums are whole numbers
  x = x < -110.0f ? -110.0f : x;
  x = x > 90.0f ? 90.0f : x;
  float shifted = x * 1.44269504f + magic;
  // Of what is no number the exponent does not matter.
  int32_t n =
      static_cast<int32_t>(bitsAs<uint32_t>(shifted) - bitsAs<uint32_t>(magic));
  float whole = shifted - magic;
  float r = x - whole * 0.693359375f + whole * 2.12194440e-4f;
  float y = 1.9875691500e-4f;
  y = y * r + 1.3981999507e-3f;
  y = y * r + 8.3334519073e-3f;
  y = y * r + 4.1665795894e-2f;
  y = y * r + 1.6666665459e-1f;
  y = y * r + 5.0000001201e-1f;
  y = y * (r * r) + r + 1.0f;
  // In two steps: n reaches beyond the exponents of normal numbers.
  int32_t half = n >> 1, rest = n - half;
  return y * bitsAs<float>(static_cast<uint32_t>(half + 127) << 23) *
         bitsAs<float>(static_cast<uint32_t>(rest + 127) << 23);
}

// Rows are summed and compared in 16 lanes, which are joined in order.
constexpr int kLanes = 16;

NM_CLONED(float, largest, (const float *row, int64_t count), (row, count), {
  float lanes[kLanes];
  std::fill(lanes, lanes + kLanes, kMinusInfinity);
  int64_t j = 0;
  for (; j + kLanes <= count; j += kLanes)
    for (int l = 0; l != kLanes; ++l)
      lanes[l] = row[j + l] > lanes[l] ? row[j + l] : lanes[l];
  for (; j < count; ++j)
    lanes[0] = row[j] > lanes[0] ? row[j] : lanes[0];
  float max = lanes[0];
  for (int l = 1; l != kLanes; ++l)
    max = lanes[l] > max ? lanes[l] : max;
  return max;
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

NM_CLONED(void, scaleRow, (float *row, int64_t count, float factor),
          (row, count, factor), {
            for (int64_t j = 0; j < count; ++j)
              row[j] *= factor;
          })

float activate(UnaryKind kind, float x) {
  switch (kind) {
  case UnaryKind::Copy:
    return x;
  case UnaryKind::Relu:
    return x > 0 ? x : 0.0f;
  case UnaryKind::Gelu:
    return 0.5f * x * (1.0f + std::erf(x * 0.70710678118654752f));
  case UnaryKind::GeluTanh:
    return 0.5f * x *
           (1.0f +
            std::tanh(0.79788456080286536f * (x + 0.044715f * x * x * x)));
  case UnaryKind::Silu:
    return x / (1.0f + std::exp(-x));
  case UnaryKind::Tanh:
    return std::tanh(x);
  case UnaryKind::Exp:
    return std::exp(x);
  }
  return x;
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
                           [](float a, float b) { return a > b ? a : b; });
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

void mask(const Instruction &i, const View &dest, const Counters &counters,
          Scratch &scratch) {
  Rows rows(dest);
  scratch.a.resize(rows.size());
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
    rows.read(dest, scratch.a.data());
    for (int64_t j = 0; j < rows.size(); ++j)
      if (firstKey + j < low || firstKey + j >= high)
        scratch.a[j] = kMinusInfinity;
    rows.write(dest, scratch.a.data());
  });
}

void layerNorm(const Instruction &i, const View *o, Scratch &scratch) {
  Rows rows(o[0]);
  int64_t count = rows.size();
  scratch.a.resize(count);
  scratch.b.resize(count);
  scratch.c.resize(count);
  float *x = scratch.a.data();
  toFloats(o[1].base, o[1].type, count, o[1].strides[0], scratch.b.data());
  toFloats(o[2].base, o[2].type, count, o[2].strides[0], scratch.c.data());
  float size = static_cast<float>(count);
  rows.forEach([&] {
    rows.read(o[0], x);
    float mean = 0, variance = 0;
    for (int64_t j = 0; j < count; ++j)
      mean += x[j];
    mean /= size;
    for (int64_t j = 0; j < count; ++j)
      variance += (x[j] - mean) * (x[j] - mean);
    float scale = 1.0f / std::sqrt(variance / size + i.value);
    for (int64_t j = 0; j < count; ++j)
      x[j] = (x[j] - mean) * scale * scratch.b[j] + scratch.c[j];
    rows.write(o[3], x);
  });
}

} // namespace

void computeSpecial(const Instruction &i, const View *o,
                    const Counters &counters, Scratch &scratch) {
  if (i.opcode == Opcode::Mask)
    return mask(i, o[0], counters, scratch);
  if (i.opcode == Opcode::LayerNorm)
    return layerNorm(i, o, scratch);
  Rows rows(i.opcode == Opcode::Rescale ? o[3] : o[0]);
  int64_t count = rows.size();
  scratch.a.resize(count);
  scratch.b.resize(count);
  float *x = scratch.a.data();
  switch (i.opcode) {
  case Opcode::RowMax:
    return rows.forEach([&] {
      rows.read(o[0], x);
      float max = largest(x, count);
      if (i.accumulate) {
        float old = rows.readOne(o[1]);
        max = old > max ? old : max;
      }
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
      float factor = old == kMinusInfinity ? 0.0f : std::exp(old - next);
      rows.writeOne(o[2], rows.readOne(o[2]) * factor);
      rows.read(o[3], x);
      scaleRow(x, count, factor);
      rows.write(o[3], x);
      rows.writeOne(o[0], next);
    });
  case Opcode::Scale:
    return rows.forEach([&] {
      float factor = rows.readOne(o[1]);
      if (i.reciprocal)
        factor = factor == 0 ? 0.0f : 1.0f / factor;
      rows.read(o[0], x);
      scaleRow(x, count, factor);
      rows.write(o[2], x);
    });
  case Opcode::Softmax:
    return rows.forEach([&] {
      rows.read(o[0], x);
      scaleRow(x, count, i.value);
      float sum = exponentials(x, count, largest(x, count));
      scaleRow(x, count, sum == 0 ? 0.0f : 1.0f / sum);
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
    float *y = scratch.b.data();
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
    std::fill(scratch.a.begin(), scratch.a.end(), i.value);
    return rows.forEach([&] { rows.write(o[0], x); });
  default:
    return;
  }
}

} // namespace nm::sim
