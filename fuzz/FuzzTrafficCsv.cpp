#include "nm/Traffic/Source.h"
#include <cstdlib>

using namespace nm::traffic;

/// An error without a message is a defect, and so are times that decrease.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string error;
  auto source =
      openCsvMemory(reinterpret_cast<const char *>(data), size, "fuzz", error);
  if (!source && error.empty())
    std::abort();
  if (!source)
    return 0;
  Arrival arrival;
  int64_t last = 0;
  volatile uint64_t sum = 0;
  Source::Status status;
  while ((status = source->next(arrival)) == Source::Status::Packet) {
    if (arrival.time < last)
      std::abort();
    last = arrival.time;
    for (size_t i = 0; i < source->columns().size(); ++i)
      sum = sum + arrival.values[i];
  }
  if (status == Source::Status::Error && source->error().empty())
    std::abort();
  return 0;
}
