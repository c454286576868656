//===- ValuesTest.cpp - Every instruction against doubles ------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestSupport.h"
#include "nm/Isa/Instructions.h"
#include "nm/Runtime/DType.h"
#include <cmath>
#include <functional>
#include <limits>
#include <map>

using namespace nm;
using namespace nm::sim;
using namespace nm::isa;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Runs one instruction between loads of its operands and stores of its
/// results.
class OneInstruction {
public:
  explicit OneInstruction(Type type) : type(type), b("one", targetOf(device)) {}

  /// An operand of its own tensor and buffer with this content.
  Tile operand(std::vector<int64_t> shape, std::vector<float> content,
               bool written = false) {
    return operand(type, std::move(shape), std::move(content), written);
  }
  Tile operand(Type of, std::vector<int64_t> shape, std::vector<float> content,
               bool written = false) {
    std::string name = "t" + std::to_string(tensors.size());
    TensorId tensor =
        b.tensor(tensorOf(name, written ? Role::Out : Role::In, of, shape));
    BufferId buffer = b.buffer(of, shape);
    tensors.push_back(tensor);
    contents.push_back(std::move(content));
    b.load(b.tile(tensor), b.tile(buffer), 0, {});
    buffers.push_back(buffer);
    outputs.push_back(written);
    return b.tile(buffer);
  }

  /// After the instruction was appended through builder().
  void run() {
    b.barrier();
    for (size_t i = 0; i != tensors.size(); ++i)
      if (outputs[i])
        b.store(b.tile(buffers[i]), b.tile(tensors[i]), 0, {});
    Result<Program> finished = b.finish();
    ASSERT_TRUE(finished.ok()) << finished.error().message;
    program = *finished;
    Result<Memory> allocated = Memory::allocate(program);
    ASSERT_TRUE(allocated.ok()) << allocated.error().message;
    Memory memory = std::move(*allocated);
    for (size_t i = 0; i != tensors.size(); ++i)
      writeTensor(program.tensors[i], memory.data(i), contents[i].data(),
                  Type::F32);
    // What the instruction sees is rounded already.
    for (size_t i = 0; i != tensors.size(); ++i)
      rounded.push_back(contentOf(program, memory, i));
    Result<SimulationResult> result = simulate(program, device, memory);
    ASSERT_TRUE(result.ok()) << result.error().message;
    for (size_t i = 0; i != tensors.size(); ++i)
      results.push_back(contentOf(program, memory, i));
  }

  /// The instruction begins when all operands are there.
  Builder &builder() {
    b.barrier();
    return b;
  }
  double in(size_t operand, int64_t element) const {
    return static_cast<double>(rounded[operand][element]);
  }

  /// Result `operand` against a function of the element's number, within an
  /// error relative to the type's.
  void expect(size_t operand, const std::function<double(int64_t)> &reference,
              double factor = 4) {
    double epsilon = type == Type::F32   ? 1e-6
                     : type == Type::F16 ? 1.0 / 2048
                                         : 1.0 / 256;
    ASSERT_LT(operand, results.size());
    for (size_t i = 0; i != results[operand].size(); ++i) {
      double expected = reference(static_cast<int64_t>(i));
      double found = static_cast<double>(results[operand][i]);
      if (std::isinf(expected)) {
        ASSERT_EQ(found, expected) << "element " << i;
        continue;
      }
      ASSERT_NEAR(found, expected,
                  factor * epsilon * std::max(1.0, std::fabs(expected)))
          << "element " << i;
    }
  }

  std::vector<std::vector<float>> results;

private:
  Device device = smallDevice();
  Type type;
  Builder b;
  Program program;
  std::vector<TensorId> tensors;
  std::vector<BufferId> buffers;
  std::vector<bool> outputs;
  std::vector<std::vector<float>> contents, rounded;
};

class Values : public testing::TestWithParam<Type> {};

std::string typeName(const testing::TestParamInfo<Type> &info) {
  return isa::toString(info.param);
}

} // namespace

INSTANTIATE_TEST_SUITE_P(Types, Values,
                         testing::Values(Type::F32, Type::F16, Type::BF16),
                         typeName);

TEST_P(Values, Gemm) {
  // Odd sizes, so that every panel has a rest; depth over one block.
  const int64_t m = 13, k = 300, n = 21;
  for (int variant = 0; variant != 16; ++variant) {
    bool left = variant & 1, right = variant & 2, accumulate = variant & 4;
    float factor = variant & 8 ? 0.125f : 1.0f;
    OneInstruction one(GetParam());
    Tile lhs = one.operand(left ? std::vector{k, m} : std::vector{m, k},
                           randomFloats(m * k, 1));
    Tile rhs = one.operand(right ? std::vector{n, k} : std::vector{k, n},
                           randomFloats(k * n, 2));
    Tile dest = one.operand(Type::F32, {m, n}, randomFloats(m * n, 3), true);
    Instruction &gemm =
        one.builder().gemm(Stationarity::Output, lhs, rhs, dest, {});
    gemm.transposeLhs = left;
    gemm.transposeRhs = right;
    gemm.accumulate = accumulate;
    gemm.value = factor;
    one.run();
    one.expect(
        2,
        [&](int64_t e) {
          int64_t i = e / n, j = e % n;
          double sum = 0;
          for (int64_t p = 0; p < k; ++p)
            sum += one.in(0, left ? p * m + i : i * k + p) *
                   one.in(1, right ? j * k + p : p * n + j);
          return sum * static_cast<double>(factor) +
                 (accumulate ? one.in(2, e) : 0);
        },
        30);
  }
}

TEST_P(Values, GemmOnSegments) {
  const int64_t g = 2, m = 5, k = 7, n = 4;
  OneInstruction one(GetParam());
  Tile lhs = one.operand({g, m, k}, randomFloats(g * m * k, 1));
  Tile rhs = one.operand({g, k, n}, randomFloats(g * k * n, 2));
  Tile dest = one.operand({g, m, n}, randomFloats(g * m * n, 3), true);
  one.builder().gemm(Stationarity::Weight, lhs, rhs, dest, {});
  one.run();
  one.expect(2, [&](int64_t e) {
    int64_t h = e / (m * n), i = e / n % m, j = e % n;
    double sum = 0;
    for (int64_t p = 0; p < k; ++p)
      sum += one.in(0, (h * m + i) * k + p) * one.in(1, (h * k + p) * n + j);
    return sum;
  });
}

TEST_P(Values, NMGemm) {
  for (SparsePattern pattern :
       {SparsePattern{2, 4}, SparsePattern{1, 4}, SparsePattern{2, 8}}) {
    const int64_t rows = 37, depth = 40, columns = 70;
    int64_t groups = depth / pattern.m, kept = groups * pattern.n;
    int64_t bits = pattern.indexBits(), bytes = (kept * bits + 7) / 8;
    std::vector<float> dense(columns * depth, 0.0f), values, packed;
    std::vector<float> numbers = randomFloats(columns * kept, 5);
    std::mt19937 generator(7);
    for (int64_t c = 0; c < columns; ++c) {
      std::vector<uint8_t> line(bytes, 0);
      for (int64_t g = 0; g < groups; ++g) {
        int64_t first = static_cast<int64_t>(generator() % (pattern.m - 1));
        for (int64_t j = 0; j < pattern.n; ++j) {
          int64_t place = first + j, p = g * pattern.n + j;
          float value = numbers[c * kept + p];
          values.push_back(value);
          dense[c * depth + g * pattern.m + place] = value;
          for (int64_t b = 0; b < bits; ++b)
            if (place >> b & 1)
              line[(p * bits + b) / 8] |= 1 << (p * bits + b) % 8;
        }
      }
      for (uint8_t byte : line)
        packed.push_back(static_cast<float>(static_cast<int8_t>(byte)));
    }
    for (bool accumulate : {false, true}) {
      OneInstruction one(GetParam());
      Tile lhs = one.operand({rows, depth}, randomFloats(rows * depth, 6));
      Tile weight = one.operand({columns, kept}, values);
      Tile index = one.operand(Type::I8, {columns, bytes}, packed);
      Tile dest = one.operand(Type::F32, {rows, columns},
                              randomFloats(rows * columns, 8), true);
      // The dense weight rounded to the type, as a tensor that nothing uses.
      one.operand({columns, depth}, dense);
      one.builder()
          .nmGemm(Stationarity::Weight, pattern, lhs, weight, index, dest, {})
          .accumulate = accumulate;
      one.run();
      one.expect(3, [&](int64_t e) {
        double sum = accumulate ? one.in(3, e) : 0;
        for (int64_t p = 0; p < depth; ++p)
          sum += one.in(0, e / columns * depth + p) *
                 one.in(4, e % columns * depth + p);
        return sum;
      });
    }
  }
}

TEST_P(Values, RowMax) {
  for (bool accumulate : {false, true}) {
    OneInstruction one(GetParam());
    Tile source = one.operand({6, 11}, randomFloats(66, 1));
    Tile dest =
        one.operand(Type::F32, {6}, {0, 2, -2, 0.5f, -kInfinity, 1}, true);
    one.builder().special(Opcode::RowMax, {source, dest}, {}).accumulate =
        accumulate;
    one.run();
    one.expect(
        1,
        [&](int64_t i) {
          double max = accumulate ? one.in(1, i) : -1e30;
          for (int64_t j = 0; j < 11; ++j)
            max = std::max(max, one.in(0, i * 11 + j));
          return max;
        },
        0);
  }
}

TEST_P(Values, ExpSum) {
  for (bool accumulate : {false, true}) {
    OneInstruction one(GetParam());
    std::vector<float> logits = randomFloats(4 * 9, 1);
    logits[5] = -kInfinity;
    for (int j = 0; j != 9; ++j)
      logits[2 * 9 + j] = -kInfinity;
    Tile source = one.operand({4, 9}, logits);
    Tile max = one.operand(Type::F32, {4}, {1, 0.5f, -kInfinity, 2});
    Tile dest = one.operand({4, 9}, randomFloats(36, 2), true);
    Tile sum = one.operand(Type::F32, {4}, {1, 2, 3, 4}, true);
    one.builder()
        .special(Opcode::ExpSum, {source, max, dest, sum}, {})
        .accumulate = accumulate;
    one.run();
    auto term = [&](int64_t e) {
      return e / 9 == 2 ? 0.0 : std::exp(one.in(0, e) - one.in(1, e / 9));
    };
    one.expect(2, term);
    EXPECT_EQ(one.results[2][5], 0.0f);
    one.expect(3, [&](int64_t i) {
      double total = accumulate ? one.in(3, i) : 0;
      for (int64_t j = 0; j < 9; ++j)
        total += term(i * 9 + j);
      return total;
    });
  }
}

TEST(Values, ExponentialsAreAccurate) {
  OneInstruction one(Type::F32);
  const int64_t count = 20000;
  std::vector<float> x(count);
  for (int64_t j = 0; j != count; ++j)
    x[j] = -104.0f + static_cast<float>(j) * (192.7f / count);
  Tile source = one.operand({1, count}, x);
  Tile max = one.operand(Type::F32, {1}, {0});
  Tile dest = one.operand({1, count}, x, true);
  Tile sum = one.operand(Type::F32, {1}, {0}, true);
  one.builder().special(Opcode::ExpSum, {source, max, dest, sum}, {});
  one.run();
  for (int64_t j = 0; j != count; ++j) {
    double expected = std::exp(one.in(0, j));
    double unit = std::max(expected * 0x1p-23, 0x1p-149);
    ASSERT_NEAR(static_cast<double>(one.results[2][j]), expected, 2 * unit)
        << x[j];
  }
}

TEST_P(Values, Rescale) {
  OneInstruction one(GetParam());
  Tile old = one.operand(Type::F32, {3}, {0, -kInfinity, 1}, true);
  Tile next = one.operand(Type::F32, {3}, {0.5f, 1, 1});
  Tile sum = one.operand(Type::F32, {3}, {2, 3, 4}, true);
  Tile dest = one.operand({3, 5}, randomFloats(15, 2), true);
  one.builder().special(Opcode::Rescale, {old, next, sum, dest}, {});
  one.run();
  const double factors[] = {std::exp(-0.5), 0, 1};
  one.expect(0, [&](int64_t i) { return one.in(1, i); }, 0);
  one.expect(2, [&](int64_t i) { return one.in(2, i) * factors[i]; });
  one.expect(3, [&](int64_t e) { return one.in(3, e) * factors[e / 5]; });
}

TEST_P(Values, Scale) {
  for (bool reciprocal : {false, true}) {
    OneInstruction one(GetParam());
    Tile source = one.operand({3, 5}, randomFloats(15, 2));
    Tile factor = one.operand(Type::F32, {3}, {2, 0, 0.25f});
    Tile dest = one.operand({3, 5}, randomFloats(15, 3), true);
    one.builder()
        .special(Opcode::Scale, {source, factor, dest}, {})
        .reciprocal = reciprocal;
    one.run();
    const double divided[] = {0.5, 0, 4}, times[] = {2, 0, 0.25};
    one.expect(2, [&](int64_t e) {
      return one.in(0, e) * (reciprocal ? divided : times)[e / 5];
    });
  }
}

TEST_P(Values, Softmax) {
  OneInstruction one(GetParam());
  std::vector<float> logits = randomFloats(4 * 9, 1);
  for (int j = 0; j != 9; ++j)
    logits[9 + j] = -kInfinity;
  Tile source = one.operand({4, 9}, logits);
  Tile dest = one.operand({4, 9}, randomFloats(36, 3), true);
  one.builder().special(Opcode::Softmax, {source, dest}, {}).value = 3;
  one.run();
  one.expect(1, [&](int64_t e) {
    if (e / 9 == 1)
      return 0.0;
    double sum = 0;
    for (int64_t j = 0; j < 9; ++j)
      sum += std::exp(3 * one.in(0, e / 9 * 9 + j));
    return std::exp(3 * one.in(0, e)) / sum;
  });
}

TEST_P(Values, Mask) {
  for (int variant = 0; variant != 12; ++variant) {
    bool causal = variant & 1;
    int64_t window = variant & 2 ? 3 : 0, keys = variant / 4 == 1 ? 9 : 0;
    int64_t group = variant / 4 == 2 ? 2 : 1;
    OneInstruction one(GetParam());
    Tile dest = one.operand({6, 7}, randomFloats(42, 1), true);
    Instruction &mask = one.builder().special(Opcode::Mask, {dest}, {});
    mask.causal = causal;
    mask.window = window;
    mask.keys = keys;
    mask.group = group;
    mask.row.base = 4;
    mask.column.base = 3;
    one.run();
    one.expect(
        0,
        [&](int64_t e) {
          int64_t query = (4 + e / 7) / group, key = 3 + e % 7;
          bool masked = (causal && key > query) ||
                        (window > 0 && key + window <= query) ||
                        (keys > 0 && key >= keys);
          return masked ? -HUGE_VAL : one.in(0, e);
        },
        0);
  }
}

TEST(Values, MaskFollowsLoops) {
  Device device = smallDevice();
  Builder b("mask", targetOf(device));
  TensorId out = b.tensor(tensorOf("out", Role::Out, Type::F32, {6, 8}));
  BufferId buffer = b.buffer(Type::F32, {6, 8});
  LoopId i = b.beginLoop(3), j = b.beginLoop(2);
  TileRef tile = b.tile(buffer, {0, 0}, {2, 4}).by(i, 0, 2).by(j, 1, 4);
  b.special(Opcode::Fill, {tile}, {}).value = 1;
  Instruction &mask = b.special(Opcode::Mask, {tile}, {});
  mask.causal = true;
  mask.row.steps = {{0, 2}};
  mask.column.steps = {{1, 4}};
  b.endLoop(j);
  b.endLoop(i);
  b.barrier();
  b.store(b.tile(buffer), b.tile(out), 0, {});
  Result<Program> program = b.finish();
  ASSERT_TRUE(program.ok()) << program.error().message;
  Result<Memory> memory = Memory::allocate(*program);
  ASSERT_TRUE(memory.ok());
  Result<SimulationResult> result = simulate(*program, device, *memory);
  ASSERT_TRUE(result.ok()) << result.error().message;
  std::vector<float> found = contentOf(*program, *memory, 0);
  for (int e = 0; e != 48; ++e)
    EXPECT_EQ(found[e], e % 8 > e / 8 ? -kInfinity : 1.0f) << e;
}

TEST_P(Values, LayerNorm) {
  const int64_t rows = 3, cols = 17;
  OneInstruction one(GetParam());
  Tile source = one.operand({rows, cols}, randomFloats(rows * cols, 1));
  Tile gamma = one.operand({cols}, randomFloats(cols, 2));
  Tile beta = one.operand({cols}, randomFloats(cols, 3));
  Tile dest = one.operand({rows, cols}, randomFloats(rows * cols, 4), true);
  one.builder()
      .special(Opcode::LayerNorm, {source, gamma, beta, dest}, {})
      .value = 1e-3f;
  one.run();
  one.expect(3, [&](int64_t e) {
    double mean = 0, variance = 0;
    for (int64_t j = 0; j < cols; ++j)
      mean += one.in(0, e / cols * cols + j) / cols;
    for (int64_t j = 0; j < cols; ++j)
      variance += std::pow(one.in(0, e / cols * cols + j) - mean, 2) / cols;
    return (one.in(0, e) - mean) / std::sqrt(variance + 1e-3) *
               one.in(1, e % cols) +
           one.in(2, e % cols);
  });
}

TEST_P(Values, Unary) {
  const std::function<double(double)> references[] = {
      [](double x) { return x; },
      [](double x) { return std::max(x, 0.0); },
      [](double x) { return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))); },
      [](double x) {
        return 0.5 * x *
               (1 +
                std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
      },
      [](double x) { return x / (1 + std::exp(-x)); },
      [](double x) { return std::tanh(x); },
      [](double x) { return std::exp(x); },
      [](double x) { return std::sqrt(x); },
      [](double x) { return std::erf(x); },
      [](double x) { return std::log(x); },
      [](double x) { return 1 / std::sqrt(x); },
      [](double x) { return std::sin(x); },
      [](double x) { return std::cos(x); }};
  ASSERT_EQ(std::size(references), size_t(countOf(UnaryKind())));
  for (int kind = 0; kind != countOf(UnaryKind()); ++kind) {
    OneInstruction one(GetParam());
    std::vector<float> content = randomFloats(27, 1);
    // Where the function is a number, and one that is not much larger.
    UnaryKind unary = static_cast<UnaryKind>(kind);
    if (unary == UnaryKind::Sqrt || unary == UnaryKind::Log ||
        unary == UnaryKind::Rsqrt)
      for (float &value : content)
        value = std::fabs(value) + 0.125f;
    Tile source = one.operand({3, 9}, content);
    Tile dest = one.operand(Type::F32, {3, 9}, randomFloats(27, 2), true);
    one.builder().special(Opcode::Unary, {source, dest}, {}).unary =
        static_cast<UnaryKind>(kind);
    one.run();
    one.expect(1, [&](int64_t e) { return references[kind](one.in(0, e)); });
  }
}

/// The column "special values" of the page of the instruction set, and what
/// IEEE 754 says of the functions where it says nothing.
TEST(Values, UnaryAtSpecialValues) {
  const float kNaN = std::numeric_limits<float>::quiet_NaN();
  // At NaN, minus infinity, -1, -0, +0, 1, infinity.
  const std::map<std::string, std::vector<float>> rows{
      {"copy", {kNaN, -kInfinity, -1, -0.0f, 0, 1, kInfinity}},
      {"relu", {kNaN, 0, 0, 0, 0, 1, kInfinity}},
      {"gelu", {kNaN, kNaN, -0.15865525f, -0.0f, 0, 0.8413447f, kInfinity}},
      {"gelu_tanh", {kNaN, kNaN, -0.158808f, -0.0f, 0, 0.841192f, kInfinity}},
      {"silu", {kNaN, kNaN, -0.26894143f, -0.0f, 0, 0.7310586f, kInfinity}},
      {"tanh", {kNaN, -1, -0.7615942f, -0.0f, 0, 0.7615942f, 1}},
      {"exp", {kNaN, 0, 0.36787945f, 1, 1, 2.7182817f, kInfinity}},
      {"sqrt", {kNaN, kNaN, kNaN, -0.0f, 0, 1, kInfinity}},
      {"erf", {kNaN, -1, -0.8427008f, -0.0f, 0, 0.8427008f, 1}},
      {"log", {kNaN, kNaN, kNaN, -kInfinity, -kInfinity, 0, kInfinity}},
      {"rsqrt", {kNaN, kNaN, kNaN, -kInfinity, kInfinity, 1, 0}},
      {"sin", {kNaN, kNaN, -0.84147096f, -0.0f, 0, 0.84147096f, kNaN}},
      {"cos", {kNaN, kNaN, 0.5403023f, 1, 1, 0.5403023f, kNaN}}};
  ASSERT_EQ(rows.size(), size_t(countOf(UnaryKind())));
  for (int kind = 0; kind != countOf(UnaryKind()); ++kind) {
    const char *word = toString(static_cast<UnaryKind>(kind));
    ASSERT_EQ(rows.count(word), 1u) << word;
    const std::vector<float> &expected = rows.at(word);
    OneInstruction one(Type::F32);
    Tile source = one.operand({7}, rows.at("copy"));
    Tile dest = one.operand(Type::F32, {7}, randomFloats(7, 2), true);
    one.builder().special(Opcode::Unary, {source, dest}, {}).unary =
        static_cast<UnaryKind>(kind);
    one.run();
    for (size_t i = 0; i != expected.size(); ++i) {
      float found = one.results[1][i];
      if (std::isnan(expected[i])) {
        EXPECT_TRUE(std::isnan(found)) << word << ", number " << i;
        continue;
      }
      EXPECT_EQ(std::signbit(found), std::signbit(expected[i]))
          << word << ", number " << i;
      if (std::isinf(expected[i]))
        EXPECT_EQ(found, expected[i]) << word << ", number " << i;
      else
        EXPECT_NEAR(found, expected[i], 1e-6) << word << ", number " << i;
    }
  }
}

TEST_P(Values, Elementwise) {
  for (int kind = 0; kind != countOf(BinaryKind()); ++kind)
    for (bool isVector : {false, true}) {
      OneInstruction one(GetParam());
      Tile lhs = one.operand({3, 9}, randomFloats(27, 1));
      Tile rhs = isVector ? one.operand({9}, randomFloats(9, 2))
                          : one.operand({3, 9}, randomFloats(27, 2));
      Tile dest = one.operand({3, 9}, randomFloats(27, 3), true);
      one.builder().special(Opcode::Elementwise, {lhs, rhs, dest}, {}).binary =
          static_cast<BinaryKind>(kind);
      one.run();
      one.expect(2, [&](int64_t e) {
        double x = one.in(0, e), y = one.in(1, isVector ? e % 9 : e);
        return kind == 0   ? x + y
               : kind == 1 ? x - y
               : kind == 2 ? x * y
               : kind == 3 ? std::max(x, y)
                           : x / y;
      });
    }
}

TEST_P(Values, Fill) {
  OneInstruction one(GetParam());
  Tile dest = one.operand({3, 9}, randomFloats(27, 3), true);
  one.builder().special(Opcode::Fill, {dest}, {}).value = -0.75f;
  one.run();
  one.expect(0, [&](int64_t) { return -0.75; }, 0);
}

TEST(Values, ThreadsChangeNothing) {
  Device device = smallDevice();
  const int64_t m = 130, k = 96, n = 200; // more than two million products
  Builder b("large", targetOf(device));
  TensorId a = b.tensor(tensorOf("a", Role::In, Type::F16, {m, k})),
           w = b.tensor(tensorOf("w", Role::In, Type::F16, {n, k})),
           x = b.tensor(tensorOf("x", Role::In, Type::I8, {n, k / 4})),
           dense = b.tensor(tensorOf("dense", Role::Out, Type::F32, {m, n})),
           sparse = b.tensor(tensorOf("sparse", Role::Out, Type::F32, {m, n}));
  BufferId lhs = b.buffer(Type::F16, {m, k}), rhs = b.buffer(Type::F16, {n, k}),
           indices = b.buffer(Type::I8, {n, k / 4}),
           sums = b.buffer(Type::F32, {m, n}),
           wide = b.buffer(Type::F16, {m, 2 * k});
  b.load(b.tile(a), b.tile(lhs), 0, {});
  b.load(b.tile(a), b.tile(wide, {0, 0}, {m, k}), 0, {});
  b.load(b.tile(a), b.tile(wide, {0, k}, {m, k}), 0, {});
  b.load(b.tile(w), b.tile(rhs), 0, {});
  b.load(b.tile(x), b.tile(indices), 0, {});
  b.barrier();
  b.gemm(Stationarity::Output, b.tile(lhs), b.tile(rhs), b.tile(sums), {})
      .transposeRhs = true;
  b.barrier();
  b.store(b.tile(sums), b.tile(dense), 0, {});
  b.barrier();
  b.nmGemm(Stationarity::Output, {2, 4}, b.tile(wide), b.tile(rhs),
           b.tile(indices), b.tile(sums), {});
  b.barrier();
  b.store(b.tile(sums), b.tile(sparse), 0, {});
  Result<Program> program = b.finish();
  ASSERT_TRUE(program.ok()) << program.error().message;
  std::vector<std::vector<float>> found;
  for (int threads : {1, 2, 5}) {
    Result<Memory> memory = Memory::allocate(*program);
    ASSERT_TRUE(memory.ok());
    for (size_t i : {size_t(0), size_t(1)})
      writeTensor(program->tensors[i], memory->data(i),
                  randomFloats(i ? n * k : m * k, 7).data(), Type::F32);
    for (int64_t i = 0; i != n * k / 4; ++i) // 0 1 2 3, any of two
      memory->data(2)[i] = static_cast<uint8_t>(0x4e + i % 5 * 0x10);
    SimulatorOptions options;
    options.threads = threads;
    Result<SimulationResult> result =
        simulate(*program, device, *memory, options);
    ASSERT_TRUE(result.ok()) << result.error().message;
    found.push_back(contentOf(*program, *memory, 3));
    std::vector<float> second = contentOf(*program, *memory, 4);
    found.back().insert(found.back().end(), second.begin(), second.end());
  }
  EXPECT_EQ(found[0], found[1]);
  EXPECT_EQ(found[0], found[2]);
  EXPECT_NE(found[0][0], 0.0f);
  EXPECT_NE(found[0].back(), 0.0f);
}

TEST(Values, StridedTransfersAndSlots) {
  // A column block of a strided tensor goes through a buffer of three slots and
  // comes back transposed.
  Device device = smallDevice();
  Builder b("move", targetOf(device));
  Tensor padded = tensorOf("in", Role::In, Type::F16, {6, 10});
  padded.strides = {13, 1};
  TensorId in = b.tensor(padded);
  TensorId out = b.tensor(tensorOf("out", Role::Out, Type::F16, {4, 6}));
  Stream stream(b, Type::F16, {2, 4}, 3);
  LoopId i = b.beginLoop(3);
  b.load(b.tile(in, {0, 5}, {2, 4}).by(i, 0, 2),
         b.tile(stream.buffer).slotBy(i), 1, stream.produce());
  b.store(b.tile(stream.buffer).slotBy(i).dims({1, 0}),
          b.tile(out, {0, 0}, {4, 2}).by(i, 1, 2), 0, stream.consume());
  b.endLoop(i);
  Result<Program> program = b.finish();
  ASSERT_TRUE(program.ok()) << program.error().message;
  Result<Memory> memory = Memory::allocate(*program);
  ASSERT_TRUE(memory.ok());
  std::vector<float> values(60);
  for (int e = 0; e != 60; ++e)
    values[e] = static_cast<float>(e);
  writeTensor(program->tensors[0], memory->data(0), values.data(), Type::F32);
  Result<SimulationResult> result = simulate(*program, device, *memory);
  ASSERT_TRUE(result.ok()) << result.error().message;
  std::vector<float> found = contentOf(*program, *memory, 1);
  for (int e = 0; e != 24; ++e)
    EXPECT_EQ(found[e], static_cast<float>(e % 6 * 10 + 5 + e / 6)) << e;
  EXPECT_EQ(result->dramRead, 48);
  EXPECT_EQ(result->dramWritten, 48);
}

TEST(Values, ConversionsEqualTheRuntime) {
  Tensor half = tensorOf("h", Role::In, Type::F16, {1 << 16});
  Tensor brain = tensorOf("b", Role::In, Type::BF16, {1 << 16});
  std::vector<uint16_t> bits(1 << 16), back(1 << 16);
  std::vector<float> wide(1 << 16);
  for (size_t i = 0; i != bits.size(); ++i)
    bits[i] = static_cast<uint16_t>(i);
  auto content = reinterpret_cast<const uint8_t *>(bits.data());
  readTensor(half, content, wide.data(), Type::F32);
  // A NaN becomes the quiet one of the type.
  auto expectWide = [&](size_t i, float expected) {
    uint32_t found, wanted = 0x7fc00000;
    std::memcpy(&found, &wide[i], 4);
    if (!std::isnan(expected))
      std::memcpy(&wanted, &expected, 4);
    EXPECT_EQ(found, wanted) << i;
  };
  for (size_t i = 0; i != bits.size(); ++i)
    expectWide(i, rt::f16ToFloat(bits[i]));
  readTensor(brain, content, wide.data(), Type::F32);
  for (size_t i = 0; i != bits.size(); ++i)
    expectWide(i, rt::bf16ToFloat(bits[i]));
  // Halfway cases, subnormals, overflow, NaN: bit patterns across f32.
  std::mt19937 generator(3);
  for (size_t i = 0; i != wide.size(); ++i) {
    uint32_t pattern = i % 2 ? generator() : (generator() & 0xfffff000u);
    if (i % 4 == 0) // in the range of f16
      pattern = (pattern & 0x8fffffffu) | 0x30000000u;
    std::memcpy(&wide[i], &pattern, 4);
  }
  writeTensor(half, reinterpret_cast<uint8_t *>(back.data()), wide.data(),
              Type::F32);
  for (size_t i = 0; i != wide.size(); ++i)
    EXPECT_EQ(back[i], std::isnan(wide[i]) ? 0x7e00 : rt::floatToF16(wide[i]))
        << wide[i];
  writeTensor(brain, reinterpret_cast<uint8_t *>(back.data()), wide.data(),
              Type::F32);
  for (size_t i = 0; i != wide.size(); ++i)
    EXPECT_EQ(back[i], std::isnan(wide[i]) ? 0x7fc0 : rt::floatToBf16(wide[i]))
        << wide[i];
}
