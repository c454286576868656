#include "FuzzUtil.h"

using namespace nm::rt;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz::readEverything(data, size, Checkpoint::Format::Npz);
  return 0;
}
