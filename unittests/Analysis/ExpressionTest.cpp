//===- ExpressionTest.cpp - Sums of products of atoms ----------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The oracle is arithmetic: each expression is computed on a small matrix of
// numbers, once as it was written and once from its normal form.
//
//===----------------------------------------------------------------------===//

#include "nm/Analysis/Expression.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <cmath>
#include <functional>
#include <random>

using namespace mlir::analysis;

namespace {

constexpr int64_t kRows = 2, kCols = 4;
constexpr int kTensors = 2, kVectors = 2;

/// A number for each row and column.
using Matrix = std::vector<double>;

Matrix map(const Matrix &a, const std::function<double(double)> &function) {
  Matrix result(a);
  std::transform(a.begin(), a.end(), result.begin(), function);
  return result;
}
Matrix map(const Matrix &a, const Matrix &b,
           const std::function<double(double, double)> &function) {
  Matrix result(a);
  std::transform(a.begin(), a.end(), b.begin(), result.begin(), function);
  return result;
}
/// Each row's elements joined, at each of its places.
Matrix alongRows(const Matrix &a,
                 const std::function<double(double, double)> &join) {
  Matrix result(a);
  for (int64_t row = 0; row < kRows; ++row) {
    double joined = a[row * kCols];
    for (int64_t col = 1; col < kCols; ++col)
      joined = join(joined, a[row * kCols + col]);
    std::fill_n(result.begin() + row * kCols, kCols, joined);
  }
  return result;
}
double larger(double a, double b) { return std::max(a, b); }

/// What the leaves stand for.
struct Data {
  std::vector<Matrix> tensors, vectors;
  Matrix accumulator;

  explicit Data(std::mt19937 &random) {
    std::uniform_real_distribution<double> number(0.5, 1.5);
    auto matrix = [&] {
      return map(Matrix(kRows * kCols), [&](double) { return number(random); });
    };
    for (int i = 0; i < kTensors; ++i)
      tensors.push_back(matrix());
    for (int i = 0; i < kVectors; ++i) {
      vectors.push_back(matrix());
      std::copy_n(vectors[i].begin(), kCols, vectors[i].begin() + kCols);
    }
    accumulator = matrix();
  }
};

Matrix compute(const Expressions &x, const Expression &a, const Data &data);

Matrix computeAtom(const Expressions &x, const Atom &atom, const Data &data) {
  auto argument = [&] { return compute(x, atom.argument, data); };
  switch (atom.kind) {
  case Atom::Tensor:
    return data.tensors[atom.tensor];
  case Atom::Vector:
    return data.vectors[atom.tensor];
  case Atom::Accumulator:
    return data.accumulator;
  case Atom::Sum:
    return argument();
  case Atom::RowSum:
    return alongRows(argument(), std::plus<>());
  case Atom::RowMax:
    return alongRows(argument(), larger);
  case Atom::Max:
    return map(argument(), compute(x, atom.argument2, data), larger);
  case Atom::Exp:
    return map(argument(), [](double v) { return std::exp(v); });
  case Atom::Log:
    return map(argument(), [](double v) { return std::log(v); });
  case Atom::Erf:
    return map(argument(), [](double v) { return std::erf(v); });
  case Atom::Tanh:
    return map(argument(), [](double v) { return std::tanh(v); });
  case Atom::Root:
    return map(argument(), [](double v) { return std::sqrt(v); });
  default:
    ADD_FAILURE() << "no meaning for atom kind " << atom.kind;
    return Matrix(kRows * kCols);
  }
}

/// The value of a normal form: its terms, added.
Matrix compute(const Expressions &x, const Expression &a, const Data &data) {
  Matrix sum(kRows * kCols);
  for (const Term &term : a.terms) {
    Matrix product(kRows * kCols, term.coefficient);
    for (const Factor &factor : term.factors)
      product = map(
          product, computeAtom(x, x[factor.atom], data),
          [&](double p, double v) { return p * std::pow(v, factor.power); });
    sum = map(sum, product, std::plus<>());
  }
  return sum;
}

double distance(const Matrix &a, const Matrix &b) {
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i)
    worst = std::max(worst, std::abs(a[i] - b[i]) /
                                (1 + std::abs(a[i]) + std::abs(b[i])));
  return worst;
}

/// An expression, and what it was written to compute.
struct Written {
  Expression form;
  Matrix value;
};

/// Writes random expressions over one set of data.
class Writer {
public:
  Writer(Expressions &x, const Data &data, std::mt19937 &random)
      : x(x), data(data), random(random) {}

  Written write(unsigned depth) {
    if (depth == 0)
      return leaf();
    Written a = write(depth - 1);
    switch (below(10)) {
    case 0:
    case 1: {
      Written b = write(below(depth));
      return {Expressions::add(a.form, b.form),
              map(a.value, b.value, std::plus<>())};
    }
    case 2: {
      Written b = write(below(depth));
      return {Expressions::subtract(a.form, b.form),
              map(a.value, b.value, std::minus<>())};
    }
    case 3:
    case 4: {
      Written b = write(below(depth));
      return {x.multiply(a.form, b.form),
              map(a.value, b.value, std::multiplies<>())};
    }
    case 5: {
      double factor = (static_cast<int>(below(9)) - 4) / 4.0;
      return {Expressions::scale(a.form, factor),
              map(a.value, [&](double v) { return factor * v; })};
    }
    case 6: {
      int exponent = static_cast<int>(below(5)) - 2;
      std::optional<Expression> power = x.power(a.form, exponent);
      if (!power)
        return a;
      return {*power,
              map(a.value, [&](double v) { return std::pow(v, exponent); })};
    }
    case 7:
      return {x.rowSum(a.form, kCols), alongRows(a.value, std::plus<>())};
    case 8: {
      Written b = write(below(depth));
      return {x.function(Atom::Max, a.form, b.form),
              map(a.value, b.value, larger)};
    }
    default:
      return function(a);
    }
  }

private:
  unsigned below(unsigned count) { return random() % count; }

  Written leaf() {
    switch (below(4)) {
    case 0: {
      int index = below(kVectors);
      return {x.vector(index), data.vectors[index]};
    }
    case 1: {
      double value = (static_cast<int>(below(9)) - 4) / 2.0;
      return {Expressions::constant(value), Matrix(kRows * kCols, value)};
    }
    case 2:
      return {x.accumulator(), data.accumulator};
    default: {
      int index = below(kTensors);
      return {x.tensor(index), data.tensors[index]};
    }
    }
  }

  Written function(const Written &a) {
    switch (below(5)) {
    case 0:
      return {x.function(Atom::Erf, a.form),
              map(a.value, [](double v) { return std::erf(v); })};
    case 1:
      return {x.function(Atom::Tanh, a.form),
              map(a.value, [](double v) { return std::tanh(v); })};
    case 2:
      return {x.function(Atom::RowMax, a.form), alongRows(a.value, larger)};
    case 3:
      return {x.function(Atom::Log, a.form),
              map(a.value, [](double v) { return std::log(v); })};
    default: {
      // Of small numbers, so that nothing overflows.
      Written small{x.function(Atom::Tanh, a.form),
                    map(a.value, [](double v) { return std::tanh(v); })};
      return {x.function(Atom::Exp, small.form),
              map(small.value, [](double v) { return std::exp(v); })};
    }
    }
  }

  Expressions &x;
  const Data &data;
  std::mt19937 &random;
};

bool isFinite(const Matrix &a) {
  return std::all_of(a.begin(), a.end(),
                     [](double v) { return std::abs(v) < 1e6; });
}

TEST(ExpressionTest, NormalFormsComputeWhatWasWritten) {
  constexpr unsigned kSeed = 5101, kCount = 3000;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  std::mt19937 random(kSeed);
  unsigned compared = 0, rowConstant = 0;
  for (unsigned number = 0; number < kCount; ++number) {
    Expressions x;
    Data data(random);
    Written written = Writer(x, data, random).write(1 + random() % 4);
    Matrix found = compute(x, written.form, data);
    // 1 / 0 and its likes are another matter.
    if (!isFinite(written.value) || !isFinite(found))
      continue;
    ++compared;
    EXPECT_LT(distance(found, written.value), 1e-6) << "number " << number;
    if (x.isRowConstant(written.form)) {
      ++rowConstant;
      EXPECT_LT(distance(found, alongRows(found, larger)), 1e-9)
          << "number " << number << " is not the same in a whole row";
    }
  }
  EXPECT_GT(compared, kCount * 3 / 4);
  EXPECT_GT(rowConstant, kCount / 20);
}

TEST(ExpressionTest, TermsAreInOrderOnceAndNotZero) {
  constexpr unsigned kSeed = 5102;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  std::mt19937 random(kSeed);
  auto key = [](const Term &term) {
    std::vector<std::pair<int, int>> factors;
    for (const Factor &factor : term.factors)
      factors.push_back({factor.atom, factor.power});
    return factors;
  };
  for (unsigned number = 0; number < 1000; ++number) {
    Expressions x;
    Data data(random);
    Expression form = Writer(x, data, random).write(1 + random() % 4).form;
    for (size_t i = 0; i < form.terms.size(); ++i) {
      EXPECT_NE(form.terms[i].coefficient, 0);
      if (i)
        EXPECT_LT(key(form.terms[i - 1]), key(form.terms[i]));
      for (size_t f = 0; f < form.terms[i].factors.size(); ++f) {
        EXPECT_NE(form.terms[i].factors[f].power, 0);
        if (f)
          EXPECT_LT(form.terms[i].factors[f - 1].atom,
                    form.terms[i].factors[f].atom);
      }
    }
  }
}

TEST(ExpressionTest, WhatIsSameComputesTheSame) {
  // Two of few small expressions are often the same.
  constexpr unsigned kSeed = 5103, kCount = 10000;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  std::mt19937 random(kSeed);
  unsigned same = 0, different = 0;
  for (unsigned number = 0; number < kCount; ++number) {
    Expressions x;
    Data data(random);
    Writer writer(x, data, random);
    Written a = writer.write(1), b = writer.write(1);
    if (!isFinite(a.value) || !isFinite(b.value))
      continue;
    if (Expressions::isSame(a.form, b.form)) {
      ++same;
      EXPECT_LT(distance(a.value, b.value), 1e-6) << "number " << number;
    } else {
      different += distance(a.value, b.value) > 1e-3;
    }
  }
  EXPECT_GT(same, kCount / 200);
  EXPECT_GT(different, kCount / 2);
}

/// Leaves and short names for the spellings below.
struct Spelling : Expressions {
  Expression t = tensor(0), u = tensor(1), g = vector(0), b = vector(1);

  static Expression c(double value) { return constant(value); }
  Expression over(const Expression &a, const Expression &d) {
    return multiply(a, *power(d, -1));
  }
  Expression square(const Expression &a) { return *power(a, 2); }
  Expression exp(const Expression &a) { return function(Atom::Exp, a); }
  Expression mean(const Expression &a) {
    return scale(rowSum(a, kCols), 1.0 / kCols);
  }
};

TEST(ExpressionTest, Identities) {
  Spelling x;
  auto expectSame = [](const Expression &a, const Expression &b, int line) {
    EXPECT_TRUE(Expressions::isSame(a, b)) << "line " << line;
  };
  // Distribution, binomials, powers.
  expectSame(x.multiply(x.t, Expressions::add(x.u, x.g)),
             Expressions::add(x.multiply(x.t, x.u), x.multiply(x.t, x.g)),
             __LINE__);
  expectSame(x.square(Expressions::subtract(x.t, x.u)),
             Expressions::add(Expressions::subtract(
                                  x.square(x.t),
                                  Expressions::scale(x.multiply(x.t, x.u), 2)),
                              x.square(x.u)),
             __LINE__);
  expectSame(x.multiply(x.over(x.t, x.u), x.u), x.t, __LINE__);
  expectSame(*x.power(*x.power(x.t, -2), -2), *x.power(x.t, 4), __LINE__);
  // Sums over rows: of sums, of what a row has once, of variances.
  Expression sum = x.rowSum(x.t, kCols);
  expectSame(x.rowSum(Expressions::add(x.t, x.u), kCols),
             Expressions::add(sum, x.rowSum(x.u, kCols)), __LINE__);
  expectSame(x.rowSum(x.multiply(sum, x.u), kCols),
             x.multiply(sum, x.rowSum(x.u, kCols)), __LINE__);
  expectSame(x.rowSum(sum, kCols), Expressions::scale(sum, kCols), __LINE__);
  expectSame(
      x.mean(x.square(Expressions::subtract(x.t, x.mean(x.t)))),
      Expressions::subtract(x.mean(x.square(x.t)), x.square(x.mean(x.t))),
      __LINE__);
  // Not the same: a vector is not the same in a whole row.
  EXPECT_FALSE(Expressions::isSame(x.rowSum(x.g, kCols),
                                   Expressions::scale(x.g, kCols)));
  EXPECT_FALSE(Expressions::isSame(x.t, x.u));
  EXPECT_FALSE(Expressions::isSame(x.t, x.g));
}

TEST(ExpressionTest, IdentitiesOfExponentials) {
  Spelling x;
  auto expectSame = [](const Expression &a, const Expression &b, int line) {
    EXPECT_TRUE(Expressions::isSame(a, b)) << "line " << line;
  };
  auto log = [&](const Expression &a) { return x.function(Atom::Log, a); };
  auto plus = [](const Expression &a, const Expression &b) {
    return Expressions::add(a, b);
  };
  Expression one = Expressions::constant(1), e = x.exp(x.t);
  expectSame(x.over(e, e), one, __LINE__);
  expectSame(x.exp({}), one, __LINE__);
  expectSame(log(e), x.t, __LINE__);
  // Of what is positive: sums of exponentials.
  Expression sum = x.rowSum(e, kCols);
  expectSame(x.exp(log(sum)), sum, __LINE__);
  expectSame(x.exp(Expressions::subtract(x.t, log(sum))), x.over(e, sum),
             __LINE__);
  expectSame(log(x.multiply(x.exp(x.u), sum)), plus(x.u, log(sum)), __LINE__);
  expectSame(log(x.over(e, sum)), plus(x.t, log(*x.power(sum, -1))), __LINE__);
  // Of a tensor, whose logarithm may have no value, it is another thing.
  EXPECT_FALSE(Expressions::isSame(x.exp(log(x.t)), x.t));
  EXPECT_FALSE(
      Expressions::isSame(log(x.multiply(e, x.u)), plus(x.t, log(x.u))));
  EXPECT_FALSE(Expressions::isSame(x.exp(plus(x.t, x.u)), plus(e, x.exp(x.u))));
  // One of two factors may be infinite where the exponential of the sum is not.
  EXPECT_FALSE(
      Expressions::isSame(x.exp(plus(x.t, x.u)), x.multiply(e, x.exp(x.u))));
}

TEST(ExpressionTest, IdentitiesOfRowMaxima) {
  Spelling x;
  auto expectSame = [](const Expression &a, const Expression &b, int line) {
    EXPECT_TRUE(Expressions::isSame(a, b)) << "line " << line;
  };
  auto maximum = [&](const Expression &a) {
    return x.function(Atom::RowMax, a);
  };
  Expression sum = x.rowSum(x.u, kCols), three = Expressions::constant(3);
  expectSame(maximum(Expressions::scale(x.t, 0.25)),
             Expressions::scale(maximum(x.t), 0.25), __LINE__);
  expectSame(maximum(Expressions::add(x.t, three)),
             Expressions::add(maximum(x.t), three), __LINE__);
  expectSame(maximum(Expressions::add(Expressions::scale(x.t, 2), sum)),
             Expressions::add(Expressions::scale(maximum(x.t), 2), sum),
             __LINE__);
  expectSame(maximum(maximum(x.t)), maximum(x.t), __LINE__);
  expectSame(maximum(three), three, __LINE__);
  // A negative factor makes it a minimum; a vector differs along the row.
  EXPECT_FALSE(Expressions::isSame(maximum(Expressions::scale(x.t, -1)),
                                   Expressions::scale(maximum(x.t), -1)));
  EXPECT_FALSE(Expressions::isSame(maximum(Expressions::add(x.t, x.g)),
                                   Expressions::add(maximum(x.t), x.g)));
}

TEST(ExpressionTest, RatiosAndMultiples) {
  Spelling x;
  Expression a = Expressions::add(x.t, Expressions::scale(x.u, 3));
  EXPECT_EQ(Expressions::ratio(Expressions::scale(a, -0.5), a), -0.5);
  EXPECT_FALSE(Expressions::ratio(a, x.t));
  EXPECT_FALSE(Expressions::ratio(a, {}));
  EXPECT_FALSE(Expressions::ratio({}, a));
  int t = *x.t.asAtom();
  auto scaled = Expressions::matchMultiple(Expressions::scale(x.t, 4), t);
  ASSERT_TRUE(scaled);
  EXPECT_EQ(scaled->coefficient, 4);
  EXPECT_FALSE(scaled->by);
  auto over = Expressions::matchMultiple(x.over(x.t, x.row(7)), t);
  ASSERT_TRUE(over && over->by);
  EXPECT_EQ(x[over->by->atom].tensor, 7);
  EXPECT_EQ(over->by->power, -1);
  for (const Expression &other :
       {a, x.square(x.t), x.u, x.multiply(x.u, x.g),
        x.multiply(x.multiply(x.t, x.u), x.g), Expressions::constant(2)})
    EXPECT_FALSE(Expressions::matchMultiple(other, t));
}

TEST(ExpressionTest, PowersOutsideOfTheForm) {
  Spelling x;
  EXPECT_FALSE(x.power(Expressions::constant(0), -1));
  EXPECT_FALSE(x.power(x.t, 5));
  EXPECT_TRUE(Expressions::isSame(*x.power(x.t, 0), Expressions::constant(1)));
}

TEST(ExpressionTest, ReplacesAndFinds) {
  Spelling x;
  // (t^2 u + t) with t = u + 1.
  Expression a = Expressions::add(x.multiply(x.square(x.t), x.u), x.t);
  Expression by = Expressions::add(x.u, Expressions::constant(1));
  Expression found = x.replace(a, *x.t.asAtom(), by);
  EXPECT_TRUE(Expressions::isSame(
      found, Expressions::add(x.multiply(x.square(by), x.u), by)));
  Expression inner = x.exp(x.function(Atom::Max, x.t, x.rowSum(x.u, kCols)));
  EXPECT_TRUE(x.contains(inner, Atom::RowSum));
  EXPECT_TRUE(x.contains(inner, Atom::Max));
  EXPECT_FALSE(x.contains(inner, Atom::Root));
  llvm::SmallVector<int> tensors;
  x.collectTensors(inner, tensors);
  llvm::sort(tensors);
  EXPECT_EQ(tensors, (llvm::SmallVector<int>{0, 1}));
}

using Activation = Expressions::Activation;
using Function = Expressions::Function;

/// Whether `form` is found to be `kind` of `argument`.
void expectActivation(Spelling &x, const Expression &form,
                      Activation::Kind kind, const Expression &argument,
                      double alpha = 1) {
  SCOPED_TRACE("activation " + std::to_string(kind));
  auto found = x.matchActivation(form);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->kind, kind);
  EXPECT_NEAR(found->alpha, alpha, 1e-5);
  EXPECT_TRUE(Expressions::isSame(found->argument, argument));
}

TEST(ExpressionTest, Functions) {
  Spelling x;
  auto expect = [&](const Expression &form, Function function) {
    auto found = x.matchFunction(form);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->function, function);
    EXPECT_TRUE(Expressions::isSame(found->argument, x.t));
    // Not twice it, and not it and more.
    EXPECT_FALSE(x.matchFunction(Expressions::scale(form, 2)));
    EXPECT_FALSE(x.matchFunction(Expressions::add(form, x.u)));
  };
  expect(x.function(Atom::Max, x.t), Function::Relu);
  expect(x.function(Atom::Max, Expressions::constant(0), x.t), Function::Relu);
  expect(x.exp(x.t), Function::Exp);
  expect(x.function(Atom::Tanh, x.t), Function::Tanh);
  expect(x.function(Atom::Gelu, x.t), Function::Gelu);
  expect(x.function(Atom::GeluTanh, x.t), Function::GeluTanh);
  expect(x.function(Atom::Silu, x.t), Function::Silu);
  for (const Expression &other :
       {x.t, Expressions::constant(0), x.function(Atom::Erf, x.t),
        x.function(Atom::Max, x.t, Expressions::constant(1))})
    EXPECT_FALSE(x.matchFunction(other));
}

TEST(ExpressionTest, Activations) {
  Spelling x;
  // The argument: one tensor, and a biased product.
  for (const Expression &v : {x.t, Expressions::add(x.accumulator(), x.g)}) {
    Expression one = Expressions::constant(1);
    for (double alpha : {1.0, 1.702, 0.5, -1.0}) {
      Expression decay = x.exp(Expressions::scale(v, -alpha));
      Expression sigmoid = *x.power(Expressions::add(one, decay), -1);
      expectActivation(x, x.multiply(v, sigmoid), Activation::Swish, v, alpha);
    }
    // GELU by erf: x / 2 (1 + erf(x / sqrt 2)), the constants rounded to f32,
    // the half anywhere.
    Expression erf = x.function(
        Atom::Erf, Expressions::scale(v, static_cast<float>(M_SQRT1_2)));
    expectActivation(
        x, x.multiply(Expressions::scale(v, 0.5), Expressions::add(one, erf)),
        Activation::Gelu, v);
    expectActivation(
        x, x.multiply(v, Expressions::scale(Expressions::add(erf, one), 0.5)),
        Activation::Gelu, v);
    // Its approximation by tanh, written by factoring x out of the argument.
    Expression cubic = Expressions::add(
        one, Expressions::scale(x.square(v), static_cast<float>(0.044715)));
    Expression tanh =
        x.function(Atom::Tanh,
                   Expressions::scale(x.multiply(v, cubic),
                                      static_cast<float>(std::sqrt(2 / M_PI))));
    expectActivation(
        x, x.multiply(Expressions::scale(v, 0.5), Expressions::add(one, tanh)),
        Activation::GeluTanh, v);
  }
}

TEST(ExpressionTest, WhatIsNoActivation) {
  Spelling x;
  Expression one = Expressions::constant(1), v = x.t;
  auto erfOf = [&](double factor) {
    return x.function(Atom::Erf, Expressions::scale(v, factor));
  };
  auto gelu = [&](const Expression &scaled, const Expression &inner) {
    return Expressions::scale(x.multiply(scaled, Expressions::add(one, inner)),
                              0.5);
  };
  std::vector<Expression> others{
      v, Expressions::constant(0), x.exp(v), x.function(Atom::Max, v),
      gelu(v, erfOf(0.7)),         // not 1 / sqrt 2
      gelu(x.u, erfOf(M_SQRT1_2)), // of something else
      Expressions::scale(gelu(v, erfOf(M_SQRT1_2)), 2),
      // A sigmoid of another argument than the factor, and one and more.
      x.over(x.u, Expressions::add(one, x.exp(Expressions::scale(v, -1)))),
      Expressions::add(
          x.over(v, Expressions::add(one, x.exp(Expressions::scale(v, -1)))),
          v),
      x.over(v, Expressions::add(Expressions::constant(2),
                                 x.exp(Expressions::scale(v, -1))))};
  for (auto [number, form] : llvm::enumerate(others))
    EXPECT_FALSE(x.matchActivation(form)) << "number " << number;
}

TEST(ExpressionTest, LayerNorms) {
  Spelling x;
  Expression mean = x.mean(x.t);
  Expression centred = Expressions::subtract(x.t, mean);
  // The variance as a mean of squares, and as squares less the mean's.
  std::vector<Expression> variances{
      x.mean(x.square(centred)),
      Expressions::subtract(x.mean(x.square(x.t)), x.square(mean))};
  for (const Expression &variance : variances) {
    Expression root = x.function(
        Atom::Root, Expressions::add(variance, Expressions::constant(1e-5)));
    Expression normal = x.over(centred, root);
    auto plain = x.matchNorm(normal, kCols);
    ASSERT_TRUE(plain);
    EXPECT_TRUE(plain->isCentred);
    EXPECT_EQ(plain->tensor, 0);
    EXPECT_EQ(plain->gamma, -1);
    EXPECT_EQ(plain->beta, -1);
    EXPECT_NEAR(plain->epsilon, 1e-5, 1e-9);
    // gamma before or behind the division.
    for (const Expression &scaled :
         {x.multiply(normal, x.g), x.over(x.multiply(centred, x.g), root)}) {
      auto full = x.matchNorm(Expressions::add(scaled, x.b), kCols);
      ASSERT_TRUE(full);
      EXPECT_EQ(full->gamma, 0);
      EXPECT_EQ(full->beta, 1);
    }
    // Of another number of columns, of another tensor's mean, of a row's beta.
    EXPECT_FALSE(x.matchNorm(normal, kCols + 1));
    EXPECT_FALSE(x.matchNorm(
        x.over(Expressions::subtract(x.t, x.mean(x.u)), root), kCols));
    EXPECT_FALSE(
        x.matchNorm(Expressions::add(normal, x.rowSum(x.u, kCols)), kCols));
  }
  // No epsilon, and none that is positive.
  for (double epsilon : {0.0, -1e-5}) {
    Expression root = x.function(
        Atom::Root,
        Expressions::add(variances[0], Expressions::constant(epsilon)));
    EXPECT_FALSE(x.matchNorm(x.over(centred, root), kCols));
  }
}

TEST(ExpressionTest, NormsWithoutMean) {
  Spelling x;
  auto rootOf = [&](double epsilon) {
    return x.function(Atom::Root,
                      Expressions::add(x.mean(x.square(x.t)),
                                       Expressions::constant(epsilon)));
  };
  for (const Expression &factor : {Expressions::constant(1), x.g}) {
    Expression form = x.multiply(x.over(x.t, rootOf(1e-6)), factor);
    auto found = x.matchNorm(form, kCols);
    ASSERT_TRUE(found);
    EXPECT_FALSE(found->isCentred);
    EXPECT_EQ(found->tensor, 0);
    EXPECT_EQ(found->gamma, factor.isConstant() ? -1 : 0);
    EXPECT_EQ(found->beta, -1);
    EXPECT_NEAR(found->epsilon, 1e-6, 1e-10);
    // It has no shift; of another number of columns.
    EXPECT_FALSE(x.matchNorm(Expressions::add(form, x.b), kCols));
    EXPECT_FALSE(x.matchNorm(form, kCols + 1));
  }
  EXPECT_FALSE(x.matchNorm(x.over(x.u, rootOf(1e-6)), kCols));
  EXPECT_FALSE(x.matchNorm(x.over(x.t, rootOf(0)), kCols));
  EXPECT_FALSE(
      x.matchNorm(Expressions::scale(x.over(x.t, rootOf(1e-6)), 2), kCols));
}

TEST(ExpressionTest, Softmaxes) {
  Spelling x;
  auto softmax = [&](const Expression &logits, const Expression &shift) {
    Expression weights = x.exp(Expressions::subtract(logits, shift));
    return x.over(weights, x.rowSum(weights, kCols));
  };
  for (double scale : {1.0, 0.125}) {
    Expression logits = Expressions::scale(x.t, scale);
    Expression largest = x.function(Atom::RowMax, logits);
    auto found = x.matchSoftmax(softmax(logits, largest));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->tensor, 0);
    EXPECT_DOUBLE_EQ(found->scale, scale);
    // Scaled behind the maximum.
    Expression behind =
        Expressions::scale(x.function(Atom::RowMax, x.t), scale);
    EXPECT_TRUE(x.matchSoftmax(softmax(logits, behind)));
    // Another tensor's maximum; twice the weights.
    EXPECT_FALSE(
        x.matchSoftmax(softmax(logits, x.function(Atom::RowMax, x.u))));
    EXPECT_FALSE(
        x.matchSoftmax(Expressions::scale(softmax(logits, largest), 2)));
  }
  // A negative scale makes the maximum's place another one.
  Expression negative = Expressions::scale(x.t, -1);
  EXPECT_FALSE(x.matchSoftmax(softmax(
      negative, Expressions::scale(x.function(Atom::RowMax, x.t), -1))));
}

TEST(ExpressionTest, QuotientsOfExponentials) {
  Spelling x;
  Expression shifted =
      Expressions::subtract(x.t, x.function(Atom::RowMax, x.t));
  Expression e = x.exp(shifted), sum = x.rowSum(e, kCols);
  auto expect = [&](const Expression &form, double added, double least,
                    int line) {
    auto found = x.matchQuotient(form);
    ASSERT_TRUE(found) << "line " << line;
    EXPECT_TRUE(Expressions::isSame(found->exponent, shifted)) << line;
    EXPECT_EQ(found->added, added) << line;
    EXPECT_EQ(found->least, least) << line;
  };
  auto log = [&](const Expression &a) { return x.function(Atom::Log, a); };
  expect(x.over(e, sum), 0, 0, __LINE__);
  expect(x.exp(Expressions::subtract(shifted, log(sum))), 0, 0, __LINE__);
  expect(x.exp(log(x.over(e, sum))), 0, 0, __LINE__);
  expect(x.over(e, Expressions::scale(x.mean(e), kCols)), 0, 0, __LINE__);
  Expression small = Expressions::constant(1e-9);
  expect(x.over(e, Expressions::add(sum, small)), 1e-9, 0, __LINE__);
  expect(x.over(e, x.function(Atom::Max, sum, small)), 0, 1e-9, __LINE__);
  expect(x.over(e, x.function(Atom::Max, small, sum)), 0, 1e-9, __LINE__);
  // Layers have no name for a limited one.
  EXPECT_TRUE(x.matchSoftmax(x.over(e, sum)));
  EXPECT_FALSE(x.matchSoftmax(x.over(e, Expressions::add(sum, small))));
  EXPECT_FALSE(x.matchSoftmax(x.over(e, x.function(Atom::Max, sum, small))));
  for (const Expression &other :
       {e, sum, x.over(x.exp(x.t), sum), x.over(e, x.mean(e)),
        x.over(e, x.rowSum(x.t, kCols)), x.over(x.t, sum),
        x.over(e, Expressions::add(sum, x.u)),
        x.over(e, x.function(Atom::Max, sum, x.u))})
    EXPECT_FALSE(x.matchQuotient(other));
}

TEST(ExpressionTest, LargeExpressionsAreSeen) {
  Spelling x;
  EXPECT_FALSE(x.isTooLarge(*x.power(Expressions::add(x.t, x.u), 4)));
  Expression wide, deep = x.t, high = x.t;
  for (int i = 0; i < 60; ++i)
    wide = Expressions::add(wide, x.tensor(i));
  for (int i = 0; i < 20; ++i)
    deep = x.exp(deep);
  for (int i = 0; i < 3; ++i)
    high = *x.power(high, 4);
  EXPECT_TRUE(x.isTooLarge(wide));
  EXPECT_TRUE(x.isTooLarge(deep));
  EXPECT_TRUE(x.isTooLarge(high));
}

} // namespace
