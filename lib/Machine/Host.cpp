//===- Host.cpp - The processor this runs on -------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Machine/Device.h"
#include "nm/Support/Numbers.h"
#include <algorithm>
#include <fstream>
#include <sstream>
#include <thread>

namespace nm::machine {

namespace {

/// Reads what Linux says of the processors below a root.
class Linux {
public:
  explicit Linux(const std::string &root)
      : isReal(root == "/"), folder(root + "/sys/devices/system/cpu/"),
        info(root + "/proc/cpuinfo") {
    // x86 calls them flags, Arm Features; all processors have the same.
    for (std::string line; std::getline(info, line) && flags.empty();)
      if (line.compare(0, 5, "flags") == 0 ||
          line.compare(0, 8, "Features") == 0)
        flags = line.substr(std::min(line.find(':') + 1, line.size())) + " ";
  }

  bool hasFlag(const std::string &flag) const {
    return flags.find(" " + flag + " ") != std::string::npos;
  }

  /// Those that this process may use.
  int64_t cores() const {
    int64_t usable =
        isReal ? static_cast<int64_t>(std::thread::hardware_concurrency()) : 0;
    return usable > 0 ? usable : coresIn(word("online"));
  }

  /// The data caches of the first processor, innermost first; empty if they
  /// make no sense.
  std::vector<CacheLevel> caches() const {
    std::vector<CacheLevel> found;
    for (int index = 0; index != 16; ++index) {
      std::string cache = "cpu0/cache/index" + std::to_string(index) + "/";
      std::string type = word(cache + "type");
      if (type.empty())
        break;
      if (type == "Instruction")
        continue;
      CacheLevel level;
      level.bytes = size(word(cache + "size"));
      if (level.bytes <= 0 || level.bytes > (int64_t(1) << 40) ||
          (!found.empty() && level.bytes < found.back().bytes))
        return {};
      int64_t line = size(word(cache + "coherency_line_size"));
      if (line >= 16 && line <= 1024 && (line & (line - 1)) == 0)
        level.lineBytes = line;
      level.sharedBy = coresIn(word(cache + "shared_cpu_list"));
      found.push_back(level);
    }
    return found;
  }

private:
  /// The first word of a file, empty if there is none.
  std::string word(const std::string &path) const {
    std::ifstream file(folder + path);
    std::string text;
    file >> text;
    return text;
  }

  /// "512K" as bytes, 0 if it is no size.
  static int64_t size(const std::string &text) {
    int64_t value = 0;
    return support::parseWholeNumber(text, value) && value > 0 ? value : 0;
  }

  /// Cores in a list such as "0-3,8"; at least one.
  static int64_t coresIn(const std::string &list) {
    int64_t count = 0;
    std::istringstream parts(list);
    for (std::string part; std::getline(parts, part, ',');) {
      size_t dash = part.find('-');
      int64_t low, high;
      if (!support::parseWholeNumber(part.substr(0, dash), low))
        continue;
      high = low;
      if (dash != std::string::npos &&
          !support::parseWholeNumber(part.substr(dash + 1), high))
        continue;
      if (low >= 0 && high >= low && high < (1 << 16))
        count += high - low + 1;
    }
    return std::clamp<int64_t>(count, 1, 1 << 16);
  }

  bool isReal;
  std::string folder;
  std::ifstream info;
  std::string flags;
};

/// What descriptions call an instruction set, and what Linux does.
struct FeatureName {
  const char *name, *flag;
};
// Kernels for "avx512f" multiply bytes too, which the first processors with
// AVX-512 did not; those after them have F, BW, DQ and VL together.
constexpr FeatureName kX86[] = {
    {"avx2", "avx2"}, {"avx512f", "avx512bw"}, {"bf16", "avx512_bf16"},
    {"f16c", "f16c"}, {"fma", "fma"},          {"vnni", "avx512_vnni"}};
constexpr FeatureName kArm[] = {
    {"bf16", "bf16"}, {"i8mm", "i8mm"}, {"neon", "asimd"}, {"sve", "sve"}};

template <size_t count>
std::vector<std::string> featuresOf(const Linux &system,
                                    const FeatureName (&names)[count]) {
  std::vector<std::string> found;
  for (const FeatureName &feature : names)
    if (system.hasFlag(feature.flag))
      found.push_back(feature.name);
  return found;
}

} // namespace

VectorUnit vectorUnitOf(std::string_view arch,
                        const std::vector<std::string> &features) {
  auto has = [&](const char *name) {
    return std::find(features.begin(), features.end(), name) != features.end();
  };
  if (arch == "aarch64")
    return {128, 32};
  if (!has("avx2") || !has("fma"))
    return {128, 16};
  return has("avx512f") ? VectorUnit{512, 32} : VectorUnit{256, 16};
}

Device detectHost(const std::string &root) {
  Linux system(root);
  Device device = *findDevice("generic-host");
  device.name = "host";
  device.description = "this processor; what its operating system does not say "
                       "is taken from generic-host";
  HostUnit &host = device.host;
  host.triple.clear();
  host.llvmCpu.clear();
  host.cores = system.cores();
  // A kernel of another architecture has none of x86's flags, and the other way
  // round: "asimd" is on every 64-bit Arm processor.
  bool isArm = system.hasFlag("asimd");
  host.features = isArm ? featuresOf(system, kArm) : featuresOf(system, kX86);
  VectorUnit vectors =
      vectorUnitOf(isArm ? "aarch64" : "x86_64", host.features);
  host.vectorBits = vectors.bits;
  host.vectorRegisters = vectors.registers;
  // A guest sees only its own cores, but shares the outer caches with others.
  bool isGuest = system.hasFlag("hypervisor");

  // The levels the system names replace those of the generic description;
  // their bandwidths stay, for no system names these.
  std::vector<CacheLevel> found = system.caches();
  for (size_t i = 0; i != found.size(); ++i) {
    const CacheLevel &like = host.caches[std::min(i, host.caches.size() - 1)];
    found[i].bytesPerCycle = like.bytesPerCycle;
    if (isGuest)
      found[i].sharedBy = std::max(found[i].sharedBy, like.sharedBy);
  }
  if (!found.empty())
    host.caches = found;
  return device;
}

} // namespace nm::machine
