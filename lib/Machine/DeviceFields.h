//===- DeviceFields.h - The fields of a device description -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One table serves the reader, the printer and the published schema, so that
// the three cannot disagree. A visitor offers
//
//   text(name, value, need, doc)
//   texts(name, values, doc)
//   integer(name, value, least, most, need, doc)
//   number(name, value, least, most, need, doc)
//   boolean(name, value, need, doc)
//   object(name, need, doc, body)
//   objects(name, elements, leastCount, doc, body)
//   stationarities(name, values, doc), patterns(name, values, doc)
//   features(name, values, doc)
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_MACHINE_DEVICEFIELDS_H
#define NM_LIB_MACHINE_DEVICEFIELDS_H

#include "nm/Machine/Device.h"
#include "nm/Support/JsonReader.h"

namespace nm::machine {

/// An optional field that is left out keeps the value of a default-constructed
/// Device.
using support::Need;

/// Value of "schema" in every description.
inline constexpr const char *kDeviceSchema = "nm.device/1";

namespace limits {
// Bounds keep every product of the model within 2^53: exact in a double.
inline constexpr int64_t kSide = 1 << 16;
inline constexpr int64_t kBytes = int64_t(1) << 50;
inline constexpr int64_t kFrequency = 100'000'000'000;
inline constexpr double kBandwidth = 1e18;
inline constexpr double kEnergy = 1e9;
inline constexpr double kWatts = 1e6;
inline constexpr double kArea = 1e6;
inline constexpr int64_t kCycles = 1 << 20;
inline constexpr double kNanoseconds = 1e6;
inline constexpr int64_t kLanes = int64_t(1) << 32;
} // namespace limits

template <typename Visitor, typename R> void visitRows(Visitor &o, R &rows) {
  using namespace limits;
  constexpr int64_t most = 1 << 10;
  auto time = [&](const char *name, auto &value, const char *doc) {
    o.number(name, value, 0, kNanoseconds, Need::Optional, doc);
  };
  o.integer("channels", rows.channels, 1, most, Need::Optional,
            "channels that share the bandwidth, interleaved burst by burst");
  o.integer("bank_groups", rows.bankGroups, 1, most, Need::Optional,
            "groups of banks of a channel");
  o.integer("banks", rows.banks, 1, most, Need::Optional,
            "banks of a channel, a multiple of its groups");
  o.integer("row_bytes", rows.rowBytes, 0, 1 << 20, Need::Optional,
            "of a bank of a channel, a multiple of burst_bytes; 0: no rows");
  time("rcd_ns", rows.rcd, "tRCD: from opening a row to a read");
  time("cl_ns", rows.cl, "tCL: from a read to its first byte");
  time("rp_ns", rows.rp, "tRP: closing a row");
  time("ras_ns", rows.ras, "tRAS: a row stays open so long");
  time("rrd_ns", rows.rrd, "tRRD: between openings in a channel");
  time("faw_ns", rows.faw, "tFAW: in which at most four rows are opened");
  time("ccd_long_ns", rows.ccdLong,
       "tCCD_L: between bursts of one group of banks");
  time("refi_ns", rows.refi, "tREFI: from refresh to refresh; 0: none");
  time("rfc_ns", rows.rfc, "tRFC: that each takes, less than refi_ns");
}

template <typename Visitor, typename D> void visitCommon(Visitor &v, D &d) {
  using namespace limits;
  v.text("name", d.name, Need::Required, "short name, as used in reports");
  v.text("description", d.description, Need::Optional, "one or two sentences");
  v.texts("sources", d.sources, "where the figures are from");
  v.integer("frequency_hz", d.frequencyHz, 1, kFrequency, Need::Required,
            "clock of the compute units");
  v.integer("element_bits", d.elementBits, 4, 64, Need::Optional,
            "width of activations and weights");
  v.integer("accumulator_bits", d.accumulatorBits, 8, 128, Need::Optional,
            "width of sums");
  v.object("dram", Need::Required, "memory outside the chip", [&](auto &o) {
    o.number("bytes_per_second", d.dram.bytesPerSecond, 1, kBandwidth,
             Need::Required, "bandwidth");
    o.integer("latency_cycles", d.dram.latencyCycles, 0, kCycles,
              Need::Optional, "from request to first byte");
    o.integer("burst_bytes", d.dram.burstBytes, 1, 1 << 16, Need::Optional,
              "smallest transfer");
    o.object("rows", Need::Optional,
             "banks and their open rows; left out: the bandwidth is flat",
             [&](auto &r) { visitRows(r, d.dram.rows); });
  });
  v.object("energy_pj", Need::Optional, "picojoules", [&](auto &o) {
    o.number("mac", d.energy.mac, 0, kEnergy, Need::Optional,
             "one multiply-accumulate");
    o.number("scratchpad_byte", d.energy.scratchpadByte, 0, kEnergy,
             Need::Optional, "one byte read or written on chip");
    o.number("dram_byte", d.energy.dramByte, 0, kEnergy, Need::Optional,
             "one byte read or written off chip");
    o.number("special_function_op", d.energy.specialFunctionOp, 0, kEnergy,
             Need::Optional, "one element of one special-function operation");
    o.number("index_decode", d.energy.indexDecode, 0, kEnergy, Need::Optional,
             "one index of an N:M weight");
  });
  v.object("static_watts", Need::Optional,
           "watts that flow whatever runs: leakage, clocks, refreshes",
           [&](auto &o) {
             o.number("array", d.staticWatts.array, 0, kWatts, Need::Optional,
                      "of the array");
             o.number("scratchpad", d.staticWatts.scratchpad, 0, kWatts,
                      Need::Optional, "of the memory on the chip");
             o.number("special_function", d.staticWatts.specialFunction, 0,
                      kWatts, Need::Optional, "of the special-function unit");
             o.number("dram", d.staticWatts.dram, 0, kWatts, Need::Optional,
                      "of the memory outside the chip and its interface");
             o.number("other", d.staticWatts.other, 0, kWatts, Need::Optional,
                      "of everything else");
           });
}

template <typename Visitor, typename D> void visitArray(Visitor &o, D &array) {
  using namespace limits;
  o.integer("rows", array.rows, 1, kSide, Need::Required, "rows of MACs");
  o.integer("cols", array.cols, 1, kSide, Need::Required, "columns of MACs");
  o.stationarities("stationarities", array.stationarities,
                   "dataflows that the array can run");
  o.object("step_overhead_cycles", Need::Optional,
           "cycles lost at each step of a fused loop", [&](auto &s) {
             for (int i = 0; i != kNumStationarities; ++i)
               s.integer(toString(static_cast<Stationarity>(i)),
                         array.stepOverhead[i], 0, kCycles, Need::Optional,
                         "with this operand stationary");
           });
  o.integer("fill_cycles", array.fillCycles, 0, kCycles, Need::Optional,
            "from first operand to first result of a tile");
  o.boolean("packs_heads", array.packsHeads, Need::Optional,
            "whether several heads may lie side by side");
  o.patterns("sparse_patterns", array.sparsePatterns,
             "N:M patterns of weights whose zeros are skipped");
  o.integer("index_decodes_per_cycle", array.indexDecodesPerCycle, 0, kLanes,
            Need::Optional, "indices expanded in a cycle; 0: never a limit");
  o.object(
      "softmax_cycles", Need::Optional,
      "where the PEs of the array themselves work on logits: PE cycles for "
      "an element; left out: the special-function unit does",
      [&](auto &s) {
        s.integer("max", array.softmax.maxCycles, 0, kCycles, Need::Optional,
                  "of a row maximum");
        s.integer("exp", array.softmax.expCycles, 0, kCycles, Need::Optional,
                  "an exponential");
        s.integer("sum", array.softmax.sumCycles, 0, kCycles, Need::Optional,
                  "of a row sum");
      });
}

template <typename Visitor, typename D>
void visitAccelerator(Visitor &v, D &d) {
  using namespace limits;
  v.object("array", Need::Required, "the multiply-accumulate array",
           [&](auto &o) { visitArray(o, d.array); });
  v.object("scratchpad", Need::Required, "memory on the chip", [&](auto &o) {
    o.integer("bytes", d.scratchpad.bytes, 1, kBytes, Need::Required,
              "capacity");
    o.integer("banks", d.scratchpad.banks, 1, kSide, Need::Optional,
              "independent banks");
    o.number("bytes_per_second", d.scratchpad.bytesPerSecond, 1, kBandwidth,
             Need::Required, "bandwidth of all banks together");
  });
  v.object("special_function", Need::Optional,
           "the unit for maxima, exponentials, sums and scales", [&](auto &o) {
             auto &sf = d.specialFunction;
             o.integer("lanes", sf.lanes, 0, kLanes, Need::Optional,
                       "elements in a cycle; 0: free, as the paper assumes");
             o.integer("max_cycles", sf.maxCycles, 0, kCycles, Need::Optional,
                       "lane cycles for an element of a maximum");
             o.integer("exp_cycles", sf.expCycles, 0, kCycles, Need::Optional,
                       "lane cycles for an exponential");
             o.integer("sum_cycles", sf.sumCycles, 0, kCycles, Need::Optional,
                       "lane cycles for an element of a sum");
             o.integer("scale_cycles", sf.scaleCycles, 0, kCycles,
                       Need::Optional, "lane cycles for a scale");
           });
  v.object("dma", Need::Optional, "transfers between the memories",
           [&](auto &o) {
             o.integer("channels", d.dma.channels, 1, 1024, Need::Optional,
                       "transfers in flight");
             o.integer("setup_cycles", d.dma.setupCycles, 0, kCycles,
                       Need::Optional, "from issue to the first request");
           });
  v.object("area_mm2", Need::Optional, "square millimetres of the chip",
           [&](auto &o) {
             o.number("array", d.areaMm2.array, 0, kArea, Need::Optional,
                      "of the array");
             o.number("scratchpad", d.areaMm2.scratchpad, 0, kArea,
                      Need::Optional, "of the memory on the chip");
             o.number("special_function", d.areaMm2.specialFunction, 0, kArea,
                      Need::Optional, "of the special-function unit");
             o.number("other", d.areaMm2.other, 0, kArea, Need::Optional,
                      "of everything else");
           });
}

template <typename Visitor, typename D> void visitHost(Visitor &v, D &d) {
  using namespace limits;
  v.object("host", Need::Required, "a processor", [&](auto &o) {
    auto &h = d.host;
    o.text("triple", h.triple, Need::Optional,
           "LLVM's name of the architecture and system; left out: this one's");
    o.text("llvm_cpu", h.llvmCpu, Need::Optional,
           "the processor that LLVM generates code for");
    o.texts("llvm_features", h.llvmFeatures,
            "what LLVM may use beyond that, such as +sve");
    o.features("features", h.features,
               "instruction sets that kernels choose between");
    o.integer("cores", h.cores, 1, kSide, Need::Required, "cores");
    o.integer("vector_bits", h.vectorBits, 32, kSide, Need::Required,
              "width of a vector register");
    o.integer("vector_registers", h.vectorRegisters, 1, 1024, Need::Optional,
              "vector registers");
    o.integer("fmas_per_cycle", h.fmasPerCycle, 1, 1024, Need::Required,
              "vector FMAs that a core starts in a cycle");
    o.integer("fma_latency", h.fmaLatency, 1, 1024, Need::Optional,
              "cycles from the operands of a vector FMA to its sum");
    o.integer("loads_per_cycle", h.loadsPerCycle, 1, 1024, Need::Optional,
              "vector loads that a core starts in a cycle");
    o.integer("exposed_loads_percent", h.exposedLoads, 0, 100, Need::Optional,
              "loads of a register tile that its FMAs do not hide");
    o.integer("parallel_flops", h.parallelFlops, 0, kBytes, Need::Optional,
              "floating-point operations from which a second thread pays");
    o.number("softmax_instructions", h.softmaxInstructions, 0, kEnergy,
             Need::Required,
             "vector instructions for the softmax of one vector of logits");
    o.objects("caches", h.caches, 1, "innermost first",
              [&](auto &e, auto &cache) {
                e.integer("bytes", cache.bytes, 1, kBytes, Need::Required,
                          "capacity");
                e.integer("line_bytes", cache.lineBytes, 1, 1 << 16,
                          Need::Optional, "bytes of a line");
                e.integer("shared_by", cache.sharedBy, 1, kSide, Need::Optional,
                          "cores that share it");
                e.number("bytes_per_cycle", cache.bytesPerCycle, 1e-3, 1e9,
                         Need::Required, "what one core reads in a cycle");
              });
  });
}

/// All fields but "schema" and "kind".
template <typename Visitor, typename D> void visitDevice(Visitor &v, D &d) {
  visitCommon(v, d);
  if (d.kind == DeviceKind::Accelerator)
    visitAccelerator(v, d);
  else
    visitHost(v, d);
}

} // namespace nm::machine

#endif // NM_LIB_MACHINE_DEVICEFIELDS_H
