//===- weight_tb.cpp - An array that holds weights against the simulator ---===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// usage: weight_tb random <products> <seed>
//        weight_tb golden <file>
// Compares every element of every product, and of a run without pauses the
// cycle in which each product is summed. Parameters of the module are macros:
// those of bench.h.
//
//===----------------------------------------------------------------------===//

#include "Vnm_array_weight.h"
#include "bench.h"

namespace {

class WeightBench : public Bench<Vnm_array_weight, 1, 1> {
public:
  using Bench::Bench;

protected:
  void offer() override;
  void take() override;
  Passes passesOf(const Product &p) const override { return {p.kept, p.rows}; }
  bool checkTimes() const override;

private:
  size_t loaded = 0, fed = 0; ///< products
  bool loadHeld = false, stepHeld = false;
};

void WeightBench::offer() {
  loadHeld = loaded < asked && (loadHeld || goes());
  top.load_valid = loadHeld;
  if (loaded < asked) {
    const Product &p = products[loaded];
    putWeights(top.load_rhs, p, top.load_col, top.load_position);
    offerIndices(p, top.load_col);
  }
  stepHeld = fed < asked && (stepHeld || goes());
  top.step_valid = stepHeld;
  if (fed == asked)
    return;
  for (int64_t bus = 0; bus != SEGMENTS; ++bus)
    for (int64_t r = 0; r != ROWS; ++r)
      for (int64_t i = 0; i != GROUP; ++i)
        putLhs(products[fed], bus, r, i, top.step_row, top.step_position + r);
}

void WeightBench::take() {
  if (top.load_valid && top.load_ready && loaded != products.size()) {
    const Product &p = products[loaded];
    bool tileEnds = top.load_position + 1 == p.kept;
    takeIndices(p, loaded, tileEnds, 0, top.load_col);
    loaded += tileEnds && top.load_col + widthOf(p) >= p.cols;
    loadHeld = false;
  }
  if (top.step_valid && top.step_ready && fed != products.size()) {
    const Product &p = products[fed];
    fed += top.step_row + 1 == p.rows && top.step_position + ROWS >= p.kept &&
           top.step_col + widthOf(p) >= p.cols;
    stepHeld = false;
  }
}

/// One product after the other takes its set-up, if its shape is new, and its
/// folds, each as many cycles as rows pass or a fold's weights take to load.
/// The first weights of a product are loaded during the last fold before; what
/// they take longer, and those of the first product of all, the array waits.
bool WeightBench::checkTimes() const {
  int64_t end = 0, last = commanded + 1;
  for (size_t i = 0; i != products.size(); ++i) {
    const Product &p = products[i];
    bool isNew = i == 0 || !p.sameShape(products[i - 1]);
    int64_t whole = std::min<int64_t>(p.kept, ROWS);
    int64_t fold = std::max(p.rows, whole);
    int64_t cycles = (isNew ? SETUP : 0) + foldsOf(p) * fold;
    end = std::max(end + cycles, last + whole + foldsOf(p) * fold);
    last = end - fold;
    checkCycles(i, last + p.rows + LATENCY, cycles);
  }
  return true;
}

} // namespace

int main(int argc, char **argv) { return benchMain<WeightBench>(argc, argv); }
