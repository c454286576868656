//===- Host.cpp - The processor this runs on -------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Model/Device.h"
#include <algorithm>
#include <fstream>
#include <thread>

namespace nm::model {

namespace {

constexpr const char *kCacheFolder = "/sys/devices/system/cpu/cpu0/cache/index";

/// The first word of a file, empty if there is none.
std::string word(const std::string &path) {
  std::ifstream file(path);
  std::string text;
  file >> text;
  return text;
}

/// "512K" as bytes, 0 if it is no size.
int64_t size(const std::string &text) {
  int64_t value = 0;
  size_t at = 0;
  for (; at != text.size() && text[at] >= '0' && text[at] <= '9'; ++at)
    if (value < (int64_t(1) << 40))
      value = 10 * value + (text[at] - '0');
  if (at == 0)
    return 0;
  char unit = at < text.size() ? text[at] : '\0';
  return unit == 'K'   ? value << 10
         : unit == 'M' ? value << 20
         : unit == 'G' ? (value < (int64_t(1) << 20) ? value << 30 : 0)
                       : value;
}

/// Whether the processor's flags hold `flag`; false where nothing says so.
bool hasFlag(const std::string &flag) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.compare(0, 5, "flags") == 0)
      return (line + " ").find(" " + flag + " ") != std::string::npos;
  return false;
}

/// Cores in a list such as "0-3,8".
int64_t coresIn(const std::string &list) {
  int64_t count = 0;
  for (size_t at = 0; at < list.size();) {
    size_t end = std::min(list.find(',', at), list.size());
    std::string range = list.substr(at, end - at);
    size_t dash = range.find('-');
    count += dash == std::string::npos
                 ? 1
                 : size(range.substr(dash + 1)) - size(range) + 1;
    at = end + 1;
  }
  return count < 1 ? 1 : count > 65536 ? 65536 : count;
}

} // namespace

Device detectHost() {
  Device device = *findDevice("generic-host");
  device.name = "host";
  device.description = "this processor; what its operating system does not say "
                       "is taken from generic-host";
  int64_t cores = std::thread::hardware_concurrency();
  if (cores > 0)
    device.host.cores = cores;

  // Generated code uses vectors of eight lanes with AVX2 and FMA, else of four.
  if (!hasFlag("avx2") || !hasFlag("fma"))
    device.host.vectorBits = 128;
  // A guest sees only its own cores, but shares the outer caches with others.
  bool guest = hasFlag("hypervisor");

  // The levels the system names replace those of the generic description;
  // their bandwidths stay, for no system names these.
  std::vector<CacheLevel> found;
  for (int index = 0; index != 8; ++index) {
    std::string folder = kCacheFolder + std::to_string(index) + "/";
    std::string type = word(folder + "type");
    if (type.empty())
      break;
    if (type == "Instruction")
      continue;
    CacheLevel level;
    level.bytes = size(word(folder + "size"));
    if (level.bytes <= 0 ||
        (!found.empty() && level.bytes < found.back().bytes))
      return device;
    int64_t line = size(word(folder + "coherency_line_size"));
    if (line > 0 && line <= 65536)
      level.lineBytes = line;
    level.sharedBy = coresIn(word(folder + "shared_cpu_list"));
    const auto &generic = device.host.caches;
    const CacheLevel &like =
        generic[std::min(found.size(), generic.size() - 1)];
    level.bytesPerCycle = like.bytesPerCycle;
    if (guest)
      level.sharedBy = std::max(level.sharedBy, like.sharedBy);
    found.push_back(level);
  }
  if (!found.empty())
    device.host.caches = found;
  return device;
}

} // namespace nm::model
