//===- array_tb.cpp - The array's SystemVerilog against the simulator ------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// usage: array_tb random <products> <seed>
//        array_tb golden <file>
// Compares every element of every product, and of a run without pauses the
// cycle in which each product is summed. Parameters of the module are macros:
// those of bench.h, and DRAIN.
//
//===----------------------------------------------------------------------===//

#include "Vnm_array.h"
#include "bench.h"

namespace {

class OutputBench : public Bench<Vnm_array, ROWS, DRAIN> {
public:
  using Bench::Bench;

protected:
  void offer() override;
  void take() override;
  Passes passesOf(const Product &p) const override { return {p.rows, p.kept}; }
  bool checkTimes() const override;

private:
  size_t fed = 0; ///< products
  bool stepHeld = false;
};

void OutputBench::offer() {
  stepHeld = fed < asked && (stepHeld || goes());
  top.step_valid = stepHeld;
  if (fed == asked)
    return;
  const Product &p = products[fed];
  for (int64_t bus = 0; bus != SEGMENTS; ++bus)
    for (int64_t r = 0; r != ROWS; ++r)
      for (int64_t i = 0; i != GROUP; ++i)
        putLhs(p, bus, r, i, top.step_row + r, top.step_position);
  putWeights(top.step_rhs, p, top.step_col, top.step_position);
  offerIndices(p, top.step_col);
}

void OutputBench::take() {
  if (!top.step_valid || !top.step_ready || fed == products.size())
    return;
  const Product &p = products[fed];
  bool tileEnds = top.step_position + 1 == p.kept;
  takeIndices(p, fed, tileEnds, top.step_row, top.step_col);
  fed += tileEnds && top.step_col + widthOf(p) >= p.cols &&
         top.step_row + ROWS >= p.rows;
  stepHeld = false;
}

/// One product after the other takes its set-up, if its shape is new, and its
/// steps; a short tile waits until the one before it has left.
bool OutputBench::checkTimes() const {
  if (DRAIN != ROWS)
    return false;
  int64_t end = commanded + 1 + LATENCY;
  for (size_t i = 0; i != products.size(); ++i) {
    const Product &p = products[i];
    bool isNew = i == 0 || !p.sameShape(products[i - 1]);
    int64_t cycles = (isNew ? SETUP : 0) + foldsOf(p) * p.kept;
    end += cycles;
    checkCycles(i, end, cycles);
  }
  return true;
}

} // namespace

int main(int argc, char **argv) { return benchMain<OutputBench>(argc, argv); }
