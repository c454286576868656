#include "FuzzTraffic.h"

using namespace nm::traffic;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string error;
  auto source = openPcapMemory(data, size, 1000, error);
  readAll(source, error);
  return 0;
}
