//===- Device.h - The description of a machine -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything the cost model, the compiler and the simulator know of a machine,
// an accelerator or a processor. A description is a JSON file (docs/model.md,
// docs/device.schema.json); those in devices/ come with nm, and `--target`,
// `--device` and passes find them by name. No other place in the tree holds a
// number of a particular machine.
//
// Plain C++17: neither LLVM nor MLIR.
//
//===----------------------------------------------------------------------===//

#ifndef NM_MACHINE_DEVICE_H
#define NM_MACHINE_DEVICE_H

#include "nm/Machine/DramTiming.h"
#include "nm/Support/Result.h"
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nm::machine {

using support::Errc;
using support::Error;
using support::Result;
using support::Status;

/// Which operand stays in the array while the others stream through it.
enum class Stationarity { Output, Weight, Input };
inline constexpr int kNumStationarities = 3;

/// "output", "weight" or "input".
const char *toString(Stationarity stationarity);

/// N non-zero weights of every M consecutive ones along the reduction.
struct SparsePattern {
  int64_t n = 0;
  int64_t m = 0;

  /// Bits of one index within a group: ceil(log2 M).
  int64_t indexBits() const;
  bool operator==(const SparsePattern &other) const {
    return n == other.n && m == other.m;
  }
};

/// PE cycles for one element of a matrix of logits, where the PEs of the array
/// themselves take row maxima, exponentials and row sums; zeros where they do
/// not, and the special function unit does.
struct ArraySoftmax {
  int64_t maxCycles = 0;
  int64_t expCycles = 0;
  int64_t sumCycles = 0;

  int64_t cycles() const { return maxCycles + expCycles + sumCycles; }
};

/// The multiply-accumulate array: rows x cols, one MAC a cycle each.
struct ArrayUnit {
  int64_t rows = 0;
  int64_t cols = 0;
  /// Dataflows that the array can run; never empty in a read description.
  std::vector<Stationarity> stationarities;
  /// Cycles lost at each step of the fused loop (one granule), by
  /// stationarity: reconfiguration and drain.
  int64_t stepOverhead[kNumStationarities] = {0, 0, 0};
  /// Cycles from the first operand to the first result of a tile; a simulator
  /// charges them where a tile cannot overlap with the one before it.
  int64_t fillCycles = 0;
  /// Whether narrow products of several heads may lie side by side on the
  /// array.
  bool packsHeads = false;
  /// N:M patterns of the stationary or streamed weights whose zeros the array
  /// skips. Empty: a dense array.
  std::vector<SparsePattern> sparsePatterns;
  /// Indices that the decoder expands in a cycle; bounds sparse throughput.
  /// 0: the decoder keeps up with the array.
  int64_t indexDecodesPerCycle = 0;

  /// Softmax on the array, as FuseMax (arXiv 2406.10491) binds it: products and
  /// this work share the PEs, and weights that the PEs have made are there as
  /// the stationary operand of the product that comes next.
  ArraySoftmax softmax;

  bool doesSoftmax() const { return softmax.cycles() > 0; }
  int64_t macsPerCycle() const { return rows * cols; }
  bool supports(Stationarity stationarity) const;
  bool skips(SparsePattern pattern) const;
};

/// The on-chip memory that the compiler manages.
struct Scratchpad {
  int64_t bytes = 0;
  int64_t banks = 1;
  double bytesPerSecond = 0; ///< all banks together
};

/// The unit for row maxima, exponentials, sums and scales.
struct SpecialFunctionUnit {
  int64_t lanes = 0; ///< elements in a cycle; 0: free, as the paper assumes
  /// Lane cycles for one element of each operation.
  int64_t maxCycles = 1;
  int64_t expCycles = 1;
  int64_t sumCycles = 1;
  int64_t scaleCycles = 1;

  /// Lane cycles for an element of a softmax in three passes over memory: max;
  /// exponential and sum; scale.
  int64_t softmaxCycles() const {
    return maxCycles + expCycles + sumCycles + scaleCycles;
  }
};

struct Dma {
  int64_t channels = 1;
  int64_t setupCycles = 0; ///< from issue to the first request
};

/// Energy in picojoules.
struct EnergyTable {
  double mac = 0;            ///< one multiply-accumulate
  double scratchpadByte = 0; ///< one byte read or written
  double dramByte = 0;
  double specialFunctionOp = 0; ///< one element of one operation
  double indexDecode = 0;       ///< one index of an N:M weight
};

/// Watts that flow whatever runs: leakage, clocks, refreshes.
struct StaticPower {
  double array = 0;
  double scratchpad = 0;
  double specialFunction = 0;
  double dram = 0;
  double other = 0;

  double total() const {
    return array + scratchpad + specialFunction + dram + other;
  }
};

/// Square millimetres of the chip.
struct Area {
  double array = 0;
  double scratchpad = 0;
  double specialFunction = 0;
  double other = 0;

  double total() const { return array + scratchpad + specialFunction + other; }
};

/// A level of a processor's cache hierarchy.
struct CacheLevel {
  int64_t bytes = 0;
  int64_t lineBytes = 64;
  int64_t sharedBy = 1;     ///< cores
  double bytesPerCycle = 0; ///< sustained read bandwidth of one core
};

/// A processor: what code generation for it needs.
struct HostUnit {
  /// As LLVM names it: "x86_64-unknown-linux-gnu". Empty: that of the machine
  /// this runs on.
  std::string triple;
  /// What LLVM's code generator is asked for; "" its usual one.
  std::string llvmCpu;
  std::vector<std::string> llvmFeatures; ///< beyond llvmCpu's: "+sve"
  /// Instruction sets that kernels choose between, of kProcessorFeatures.
  std::vector<std::string> features;
  int64_t cores = 1;
  int64_t vectorBits = 0;
  int64_t vectorRegisters = 16;
  int64_t fmasPerCycle = 0;  ///< vector FMAs that one core starts in a cycle
  int64_t fmaLatency = 4;    ///< cycles from the operands of one to its sum
  int64_t loadsPerCycle = 2; ///< vector loads that one core starts in a cycle
  /// Percent of the loads of a register tile that its FMAs do not hide.
  int64_t exposedLoads = 25;
  /// Floating-point operations from which a second thread pays: what a core
  /// does while threads wake.
  int64_t parallelFlops = int64_t(1) << 21;
  /// Vector instructions for the softmax of one vector of logits.
  double softmaxInstructions = 0;
  std::vector<CacheLevel> caches; ///< innermost first; never empty for a host
};

/// Names of instruction sets in descriptions, in alphabetical order.
inline constexpr const char *kProcessorFeatures[] = {
    "avx2", "avx512f", "bf16", "f16c", "fma", "i8mm", "neon", "sve", "vnni"};

/// Bits of a vector register and their number, as generated code uses them on a
/// processor of that architecture (LLVM's name) with the features: AVX2 and
/// AVX-512 are of no use without fused multiply-adds.
struct VectorUnit {
  int64_t bits, registers;
};
VectorUnit vectorUnitOf(std::string_view arch,
                        const std::vector<std::string> &features);

enum class DeviceKind { Accelerator, Host };

/// A machine. The units of the other kind are left empty.
struct Device {
  std::string name;
  std::string description;
  std::vector<std::string> sources; ///< where the figures are from
  DeviceKind kind = DeviceKind::Accelerator;
  int64_t frequencyHz = 0;
  int64_t elementBits = 16; ///< of activations and weights
  int64_t accumulatorBits = 32;

  Dram dram;
  EnergyTable energy;
  StaticPower staticWatts;

  // Accelerators.
  ArrayUnit array;
  Scratchpad scratchpad;
  SpecialFunctionUnit specialFunction;
  Dma dma;
  Area areaMm2;

  // Hosts.
  HostUnit host;

  /// Bytes of `elements` elements, rounded up.
  int64_t elementBytes(int64_t elements) const {
    return (elements * elementBits + 7) / 8;
  }
  /// Of a long stream.
  double dramBytesPerCycle() const {
    return dram.bytesPerSecond * dram.streamingShare() /
           static_cast<double>(frequencyHz);
  }
  double scratchpadBytesPerCycle() const {
    return scratchpad.bytesPerSecond / frequencyHz;
  }
  /// Picojoules of static power in so many cycles.
  double staticPj(double cycles) const {
    return staticWatts.total() * 1e12 *
           (cycles / static_cast<double>(frequencyHz));
  }
  /// Another size; static power and area of the scratchpad go with its bytes.
  void resizeScratchpad(int64_t bytes);
  /// Another number of lanes; static power and area of the special function
  /// unit go with them, unless it had none.
  void resizeLanes(int64_t lanes);
};

/// Reads a description from JSON text. Strict: unknown, missing, duplicate and
/// out-of-range fields are errors that name `where`, the field, what was found
/// and what was expected.
Result<Device> parseDevice(std::string_view text, const std::string &where);

/// Reads a description from a file of at most 1 MiB.
Result<Device> readDevice(const std::string &path);

/// `nameOrPath` names a description that comes with nm ("edge", "cloud", ...),
/// or is "host", or a path.
Result<Device> findDevice(const std::string &nameOrPath);

/// Names that come with nm, in alphabetical order.
std::vector<std::string> builtinDevices();

/// Those of one kind.
std::vector<std::string> builtinDevices(DeviceKind kind);

/// The processor this runs on, as its operating system describes it. Where that
/// is silent the generic description "generic-host" fills in. `root` holds
/// Linux's folders `sys` and `proc`.
Device detectHost(const std::string &root = "/");

/// The description as JSON that parseDevice reads back to an equal device.
std::string printDevice(const Device &device);

/// The JSON schema of descriptions, as published in docs/device.schema.json.
std::string deviceSchema();

} // namespace nm::machine

/// The models speak of machines all the time, under these names.
namespace nm::model {
using namespace machine;
using machine::toString; // beside the overloads of the models
} // namespace nm::model

#endif // NM_MACHINE_DEVICE_H
