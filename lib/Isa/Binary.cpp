//===- Binary.cpp - Programs as bytes --------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// docs/attacc-isa.md, "Binary", says what stands where. All numbers are little
// endian. A count is believed only as far as bytes for it remain.
//
//===----------------------------------------------------------------------===//

#include "../Runtime/Support.h"
#include "Check.h"
#include "nm/Isa/Encoding.h"
#include <array>
#include <cstring>

namespace nm::isa {

namespace {

constexpr std::string_view kMagic = "NMATTACC";
constexpr uint16_t kMajor = 1, kMinor = 0;
constexpr size_t kHeaderBytes = 32, kEntryBytes = 24, kBaseBytes = 16;

enum Section : uint32_t {
  TargetSection = 1,
  TensorSection,
  BufferSection,
  SemaphoreSection,
  CodeSection,
  DataSection
};
constexpr uint32_t kNumSections = 6;

const char *sectionName(uint32_t section) {
  static constexpr const char *names[] = {"target",     "tensors", "buffers",
                                          "semaphores", "code",    "data"};
  return section >= 1 && section <= kNumSections ? names[section - 1]
                                                 : "unknown";
}

/// Bits of an instruction's flags.
enum Flag : uint8_t {
  TransposeLhs = 1,
  TransposeRhs = 2,
  Accumulate = 4,
  Reciprocal = 8,
  Causal = 16
};
constexpr uint8_t kAllFlags = 31;

/// The CRC-32 of zip and PNG (polynomial 0xEDB88320).
uint32_t crc32(std::string_view bytes) {
  static const std::array<uint32_t, 256> table = [] {
    std::array<uint32_t, 256> entries{};
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit)
        value = value & 1 ? value >> 1 ^ 0xEDB88320u : value >> 1;
      entries[i] = value;
    }
    return entries;
  }();
  uint32_t crc = ~0u;
  for (char byte : bytes)
    crc = crc >> 8 ^ table[(crc ^ static_cast<uint8_t>(byte)) & 255];
  return ~crc;
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

class Writer {
public:
  std::string bytes;

  template <typename T> void number(T value) {
    uint64_t bits = 0;
    if constexpr (std::is_same_v<T, float>) {
      uint32_t word;
      std::memcpy(&word, &value, sizeof(word));
      bits = word;
    } else {
      bits = static_cast<uint64_t>(value);
    }
    for (size_t i = 0; i < sizeof(T); ++i)
      bytes.push_back(static_cast<char>(bits >> (8 * i)));
  }
  void u8(uint64_t value) { number(static_cast<uint8_t>(value)); }
  void u16(uint64_t value) { number(static_cast<uint16_t>(value)); }
  void u32(uint64_t value) { number(static_cast<uint32_t>(value)); }
  void i64(int64_t value) { number(value); }
  void text(const std::string &value) {
    u32(value.size());
    bytes += value;
  }
  void sizes(const std::vector<int64_t> &values) {
    u8(values.size());
    for (int64_t value : values)
      i64(value);
  }
};

void writeTile(Writer &w, const Tile &tile, size_t rank) {
  w.u8(static_cast<uint8_t>(tile.space));
  w.u8(rank);
  w.u8(tile.dims.size());
  w.u8(tile.counters.size());
  w.u32(tile.object);
  w.i64(tile.slot);
  for (size_t k = 0; k < rank; ++k) {
    w.i64(tile.offsets[k]);
    w.i64(tile.sizes[k]);
  }
  for (uint8_t dim : tile.dims)
    w.u8(dim);
  for (const Counter &counter : tile.counters) {
    w.u8(counter.depth);
    w.i64(counter.slotStep);
    for (size_t k = 0; k < rank; ++k)
      w.i64(counter.steps[k]);
  }
}

void writeAffine(Writer &w, const Affine &affine) {
  w.i64(affine.base);
  w.u8(affine.steps.size());
  for (auto [depth, step] : affine.steps) {
    w.u8(depth);
    w.i64(step);
  }
}

/// What else than base word, semaphores and operands an opcode has.
bool hasMask(Opcode opcode) { return opcode == Opcode::Mask; }
bool hasPattern(Opcode opcode) { return opcode == Opcode::NMGemm; }
bool hasTrips(Opcode opcode) { return opcode == Opcode::Loop; }

/// The choice among few that an opcode makes, one of the base word's bytes.
uint8_t choiceOf(const Instruction &instruction) {
  switch (instruction.opcode) {
  case Opcode::Gemm:
  case Opcode::NMGemm:
    return static_cast<uint8_t>(instruction.stationary);
  case Opcode::Elementwise:
    return static_cast<uint8_t>(instruction.binary);
  case Opcode::Unary:
    return static_cast<uint8_t>(instruction.unary);
  case Opcode::Sync:
    return static_cast<uint8_t>(instruction.syncEngine);
  default:
    return 0;
  }
}

size_t rankOf(const Program &program, const Tile &tile) {
  return tile.space == Space::Dram ? program.tensors[tile.object].shape.size()
                                   : program.buffers[tile.object].shape.size();
}

void writeInstruction(Writer &w, const Program &program,
                      const Instruction &instruction) {
  Writer extension;
  for (uint32_t semaphore : instruction.waits)
    extension.u32(semaphore);
  for (uint32_t semaphore : instruction.signals)
    extension.u32(semaphore);
  for (const Tile &tile : instruction.operands)
    writeTile(extension, tile, rankOf(program, tile));
  if (hasPattern(instruction.opcode)) {
    extension.u8(instruction.pattern.n);
    extension.u8(instruction.pattern.m);
  }
  if (hasTrips(instruction.opcode))
    extension.i64(instruction.trips);
  if (hasMask(instruction.opcode)) {
    writeAffine(extension, instruction.row);
    writeAffine(extension, instruction.column);
    extension.i64(instruction.group);
    extension.i64(instruction.window);
    extension.i64(instruction.keys);
  }
  uint8_t flags = (instruction.transposeLhs ? TransposeLhs : 0) |
                  (instruction.transposeRhs ? TransposeRhs : 0) |
                  (instruction.accumulate ? Accumulate : 0) |
                  (instruction.reciprocal ? Reciprocal : 0) |
                  (instruction.causal ? Causal : 0);
  w.u8(static_cast<uint8_t>(instruction.opcode));
  w.u8(flags);
  w.u8(instruction.channel);
  w.u8(choiceOf(instruction));
  w.u8(instruction.waits.size());
  w.u8(instruction.signals.size());
  w.u16(0);
  w.number(instruction.value);
  w.u32(extension.bytes.size());
  w.bytes += extension.bytes;
}

void writeTensors(Writer &w, Writer &data, const Program &program) {
  w.u32(program.tensors.size());
  for (const Tensor &tensor : program.tensors) {
    w.text(tensor.name);
    w.u8(static_cast<uint8_t>(tensor.role));
    w.u8(static_cast<uint8_t>(tensor.type));
    w.u8(static_cast<uint8_t>(tensor.hostType));
    w.u8(static_cast<uint8_t>(tensor.part));
    w.u8(tensor.pattern.n);
    w.u8(tensor.pattern.m);
    w.sizes(tensor.shape);
    w.sizes(tensor.strides);
    w.sizes(tensor.hostShape);
    w.text(tensor.key);
    w.text(tensor.scope);
    w.i64(static_cast<int64_t>(data.bytes.size()));
    w.i64(static_cast<int64_t>(tensor.data.size()));
    data.bytes.append(tensor.data.begin(), tensor.data.end());
  }
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

/// Takes numbers from a section; the first failure sticks, and what is read
/// after it is zero.
class Reader {
public:
  Reader(std::string_view bytes, size_t offset, const std::string &where)
      : bytes(bytes), offset(offset), where(where) {}

  bool ok() const { return error.ok(); }
  const Status &status() const { return error; }
  size_t position() const { return offset + next; }
  size_t remaining() const { return bytes.size() - next; }

  template <typename... Parts> void fail(const Parts &...parts) {
    if (ok())
      error = makeError(Errc::Format, where, ": byte ", position(), ": found ",
                        parts...);
  }
  std::string_view take(size_t count, const char *what) {
    if (!ok() || count > remaining()) {
      fail(remaining(), " bytes left in the section, expected ", count, " of ",
           what);
      return {};
    }
    std::string_view taken = bytes.substr(next, count);
    next += count;
    return taken;
  }
  uint64_t number(size_t width, const char *what) {
    uint64_t value = 0;
    std::string_view taken = take(width, what);
    for (size_t i = taken.size(); i > 0; --i)
      value = value << 8 | static_cast<uint8_t>(taken[i - 1]);
    return value;
  }
  uint8_t u8(const char *what) { return static_cast<uint8_t>(number(1, what)); }
  uint32_t u32(const char *what) {
    return static_cast<uint32_t>(number(4, what));
  }
  int64_t i64(const char *what) {
    return static_cast<int64_t>(number(8, what));
  }
  float f32(const char *what) {
    uint32_t bits = u32(what);
    float value;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
  }
  /// A byte below `limit`.
  uint8_t choice(int limit, const char *what) {
    uint8_t value = u8(what);
    if (ok() && value >= limit) {
      --next;
      fail("the ", what, " ", int(value), ", expected 0 to ", limit - 1);
      return 0;
    }
    return value;
  }
  /// A count of things of at least `width` bytes each.
  size_t count(size_t width, const char *what) {
    size_t value = u32(what);
    if (ok() && value > remaining() / width) {
      fail(value, " ", what, ", expected at most the ", remaining() / width,
           " that fit the section");
      return 0;
    }
    return value;
  }
  std::string text(const char *what) {
    return std::string(take(count(1, what), what));
  }
  std::vector<int64_t> sizes(int limit, const char *what) {
    std::vector<int64_t> values(choice(limit + 1, what));
    for (int64_t &value : values)
      value = i64(what);
    return values;
  }

private:
  std::string_view bytes;
  size_t offset, next = 0;
  const std::string &where;
  Status error;
};

Tile readTile(Reader &r) {
  Tile tile;
  tile.space = static_cast<Space>(r.choice(2, "memory"));
  size_t rank = r.choice(kMaxRank + 1, "rank");
  tile.dims.resize(r.choice(kMaxRank + 1, "number of dimensions"));
  tile.counters.resize(r.choice(kMaxLoops + 1, "number of counters"));
  tile.object = r.u32("object");
  tile.slot = r.i64("slot");
  for (size_t k = 0; k < rank; ++k) {
    tile.offsets[k] = r.i64("offset");
    tile.sizes[k] = r.i64("size");
  }
  for (uint8_t &dim : tile.dims)
    dim = r.u8("dimension");
  for (Counter &counter : tile.counters) {
    counter.depth = r.u8("depth");
    counter.slotStep = r.i64("slot step");
    for (size_t k = 0; k < rank; ++k)
      counter.steps[k] = r.i64("step");
  }
  return tile;
}

Affine readAffine(Reader &r) {
  Affine affine;
  affine.base = r.i64("place");
  affine.steps.resize(r.choice(kMaxLoops + 1, "number of steps"));
  for (auto &[depth, step] : affine.steps) {
    depth = r.u8("depth");
    step = r.i64("step");
  }
  return affine;
}

void readInstruction(Reader &r, Instruction &i) {
  i.opcode = static_cast<Opcode>(r.choice(kNumOpcodes, "opcode"));
  uint8_t flags = r.u8("flags");
  if (flags & ~kAllFlags)
    r.fail("the flags ", int(flags), ", expected no more than ",
           int(kAllFlags));
  i.transposeLhs = flags & TransposeLhs;
  i.transposeRhs = flags & TransposeRhs;
  i.accumulate = flags & Accumulate;
  i.reciprocal = flags & Reciprocal;
  i.causal = flags & Causal;
  i.channel = r.u8("channel");
  switch (i.opcode) {
  case Opcode::Gemm:
  case Opcode::NMGemm:
    i.stationary = static_cast<Stationarity>(
        r.choice(model::kNumStationarities, "stationarity"));
    break;
  case Opcode::Elementwise:
    i.binary = static_cast<BinaryKind>(r.choice(4, "kind"));
    break;
  case Opcode::Unary:
    i.unary = static_cast<UnaryKind>(r.choice(7, "kind"));
    break;
  case Opcode::Sync:
    i.syncEngine = static_cast<Engine>(r.choice(4, "engine"));
    break;
  default:
    r.choice(1, "kind");
    break;
  }
  i.waits.resize(r.choice(65, "number of waits"));
  i.signals.resize(r.choice(65, "number of signals"));
  if (r.number(2, "padding"))
    r.fail("padding that is not zero, expected zeros");
  i.value = r.f32("value");
  size_t length = r.u32("length"), begin = r.position();
  for (uint32_t &semaphore : i.waits)
    semaphore = r.u32("semaphore");
  for (uint32_t &semaphore : i.signals)
    semaphore = r.u32("semaphore");
  for (int k = 0; k < numOperands(i.opcode) && r.ok(); ++k)
    i.operands.push_back(readTile(r));
  if (hasPattern(i.opcode)) {
    i.pattern.n = r.u8("pattern");
    i.pattern.m = r.u8("pattern");
  }
  if (hasTrips(i.opcode))
    i.trips = r.i64("trips");
  if (hasMask(i.opcode)) {
    i.row = readAffine(r);
    i.column = readAffine(r);
    i.group = r.i64("group");
    i.window = r.i64("window");
    i.keys = r.i64("keys");
  }
  if (r.ok() && r.position() - begin != length)
    r.fail("an extension of ", r.position() - begin, " bytes, expected ",
           length);
}

void readTarget(Reader &r, Program &program) {
  program.name = r.text("name");
  Target &target = program.target;
  target.name = r.text("device");
  target.scratchpadBytes = r.i64("scratchpad");
  target.channels = r.i64("channels");
  target.segments = r.i64("segments");
  target.patterns.resize(r.count(2, "patterns"));
  for (SparsePattern &pattern : target.patterns) {
    pattern.n = r.u8("pattern");
    pattern.m = r.u8("pattern");
  }
}

void readTensors(Reader &r, std::string_view data, Program &program) {
  program.tensors.resize(r.count(45, "tensors"));
  for (Tensor &tensor : program.tensors) {
    tensor.name = r.text("name");
    tensor.role = static_cast<Role>(r.choice(5, "role"));
    tensor.type = static_cast<Type>(r.choice(4, "type"));
    tensor.hostType = static_cast<Type>(r.choice(4, "type"));
    tensor.part = static_cast<Part>(r.choice(4, "part"));
    tensor.pattern.n = r.u8("pattern");
    tensor.pattern.m = r.u8("pattern");
    tensor.shape = r.sizes(kMaxRank, "rank");
    tensor.strides = r.sizes(kMaxRank, "rank");
    tensor.hostShape = r.sizes(16, "rank");
    tensor.key = r.text("key");
    tensor.scope = r.text("scope");
    uint64_t begin = r.number(8, "offset"), size = r.number(8, "size");
    if (r.ok() && (begin > data.size() || size > data.size() - begin))
      r.fail("content from ", begin, " of ", size,
             " bytes, expected a part of the ", data.size(),
             " of the data section");
    if (!r.ok())
      return;
    std::string_view content = data.substr(begin, size);
    tensor.data.assign(content.begin(), content.end());
  }
}

void readBuffers(Reader &r, Program &program) {
  program.buffers.resize(r.count(18, "buffers"));
  for (Buffer &buffer : program.buffers) {
    buffer.address = r.i64("address");
    buffer.slots = r.i64("slots");
    buffer.type = static_cast<Type>(r.choice(4, "type"));
    buffer.shape = r.sizes(kMaxRank, "rank");
  }
}

} // namespace

std::string writeBinary(const Program &program) {
  Writer sections[kNumSections];
  Writer &target = sections[0], &buffers = sections[2],
         &semaphores = sections[3], &code = sections[4];
  target.text(program.name);
  target.text(program.target.name);
  target.i64(program.target.scratchpadBytes);
  target.i64(program.target.channels);
  target.i64(program.target.segments);
  target.u32(program.target.patterns.size());
  for (SparsePattern pattern : program.target.patterns) {
    target.u8(pattern.n);
    target.u8(pattern.m);
  }
  writeTensors(sections[1], sections[5], program);
  buffers.u32(program.buffers.size());
  for (const Buffer &buffer : program.buffers) {
    buffers.i64(buffer.address);
    buffers.i64(buffer.slots);
    buffers.u8(static_cast<uint8_t>(buffer.type));
    buffers.sizes(buffer.shape);
  }
  semaphores.u32(program.semaphores.size());
  for (int64_t count : program.semaphores)
    semaphores.u8(count);
  code.u32(program.code.size());
  for (const Instruction &instruction : program.code)
    writeInstruction(code, program, instruction);

  Writer table;
  size_t offset = kHeaderBytes + kNumSections * kEntryBytes;
  for (uint32_t i = 0; i < kNumSections; ++i) {
    table.u32(i + 1);
    table.u32(crc32(sections[i].bytes));
    table.number<uint64_t>(offset);
    table.number<uint64_t>(sections[i].bytes.size());
    offset += sections[i].bytes.size();
  }
  Writer header;
  header.bytes = kMagic;
  header.u16(kMajor);
  header.u16(kMinor);
  header.u32(kNumSections);
  header.number<uint64_t>(offset);
  header.u32(crc32(table.bytes));
  header.u32(crc32(header.bytes));
  std::string result = header.bytes + table.bytes;
  for (const Writer &section : sections)
    result += section.bytes;
  return result;
}

bool isBinary(std::string_view bytes) {
  return bytes.substr(0, kMagic.size()) == kMagic;
}

static Result<Program> readSections(std::string_view bytes,
                                    const std::string &where) {
  if (!isBinary(bytes))
    return makeError(Errc::Format, where,
                     ": byte 0: found no magic number, expected '", kMagic,
                     "'");
  if (bytes.size() < kHeaderBytes)
    return makeError(Errc::Format, where, ": found ", bytes.size(),
                     " bytes, expected a header of ", kHeaderBytes);
  Reader header(bytes.substr(0, kHeaderBytes), 0, where);
  header.take(kMagic.size(), "magic number");
  uint64_t major = header.number(2, "version"),
           minor = header.number(2, "version");
  uint32_t count = header.u32("number of sections");
  uint64_t size = header.number(8, "size");
  uint32_t tableCrc = header.u32("checksum"),
           headerCrc = header.u32("checksum");
  if (major != kMajor)
    return makeError(Errc::Unsupported, where, ": byte 8: found version ",
                     major, ".", minor, ", expected ", kMajor, ".x");
  if (uint32_t crc = crc32(bytes.substr(0, kHeaderBytes - 4)); crc != headerCrc)
    return makeError(Errc::Format, where, ": byte ", kHeaderBytes - 4,
                     ": found the checksum ", headerCrc,
                     " of the header, expected ", crc);
  if (size != bytes.size())
    return makeError(Errc::Format, where, ": byte 16: found a file of ",
                     bytes.size(), " bytes, expected ", size);
  if (count != kNumSections ||
      bytes.size() < kHeaderBytes + kNumSections * kEntryBytes)
    return makeError(Errc::Format, where, ": byte 12: found ", count,
                     " sections, expected ", kNumSections,
                     " and room for their table");
  std::string_view entries =
      bytes.substr(kHeaderBytes, kNumSections * kEntryBytes);
  if (uint32_t crc = crc32(entries); crc != tableCrc)
    return makeError(Errc::Format, where, ": byte 24: found the checksum ",
                     tableCrc, " of the section table, expected ", crc);
  Reader table(entries, kHeaderBytes, where);
  std::string_view sections[kNumSections];
  size_t offsets[kNumSections] = {};
  for (uint32_t i = 0; i < kNumSections; ++i) {
    uint32_t kind = table.u32("kind"), crc = table.u32("checksum");
    uint64_t begin = table.number(8, "offset"),
             length = table.number(8, "size");
    if (kind != i + 1)
      return makeError(Errc::Format, where, ": byte ",
                       kHeaderBytes + i * kEntryBytes, ": found section ", kind,
                       ", expected ", i + 1, " (", sectionName(i + 1), ")");
    if (begin > bytes.size() || length > bytes.size() - begin)
      return makeError(Errc::Format, where, ": byte ",
                       kHeaderBytes + i * kEntryBytes + 8, ": found section '",
                       sectionName(kind), "' from ", begin, " of ", length,
                       " bytes, expected a part of the ", bytes.size(),
                       " of the file");
    sections[i] = bytes.substr(begin, length);
    offsets[i] = begin;
    if (uint32_t found = crc32(sections[i]); found != crc)
      return makeError(Errc::Format, where, ": byte ", begin,
                       ": found the checksum ", found, " of section '",
                       sectionName(kind), "', expected ", crc);
  }
  Program program;
  auto read = [&](uint32_t section, auto &&body) -> Status {
    Reader reader(sections[section - 1], offsets[section - 1], where);
    body(reader);
    if (reader.ok() && reader.remaining())
      reader.fail(reader.remaining(), " bytes behind section '",
                  sectionName(section), "', expected none");
    return reader.status();
  };
  if (Status s =
          read(TargetSection, [&](Reader &r) { readTarget(r, program); });
      !s)
    return s.error();
  if (Status s = read(TensorSection,
                      [&](Reader &r) {
                        readTensors(r, sections[DataSection - 1], program);
                      });
      !s)
    return s.error();
  if (Status s =
          read(BufferSection, [&](Reader &r) { readBuffers(r, program); });
      !s)
    return s.error();
  if (Status s = read(SemaphoreSection,
                      [&](Reader &r) {
                        program.semaphores.resize(r.count(1, "semaphores"));
                        for (int64_t &count : program.semaphores)
                          count = r.u8("count");
                      });
      !s)
    return s.error();
  if (Status s = read(CodeSection,
                      [&](Reader &r) {
                        size_t count = r.count(kBaseBytes, "instructions");
                        for (size_t i = 0; i < count && r.ok(); ++i) {
                          program.code.emplace_back();
                          readInstruction(r, program.code.back());
                        }
                      });
      !s)
    return s.error();
  return program;
}

Result<Program> readBinary(std::string_view bytes, const std::string &where) {
  return rt::guarded([&]() -> Result<Program> {
    Result<Program> program = readSections(bytes, where);
    if (!program)
      return program;
    return checkRead(std::move(*program), where);
  });
}

} // namespace nm::isa
