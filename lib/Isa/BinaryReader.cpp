//===- BinaryReader.cpp - Programs from bytes --------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A count is believed only as far as bytes for it remain.
//
//===----------------------------------------------------------------------===//

#include "Check.h"
#include "nm/Isa/BinaryFormat.h"
#include "nm/Isa/Instructions.h"
#include "nm/Support/Guarded.h"
#include <cstring>

namespace nm::isa {

using namespace binary;

namespace {

const char *sectionName(uint32_t section) {
  static constexpr const char *names[] = {"target",     "tensors", "buffers",
                                          "semaphores", "code",    "data"};
  return section >= 1 && section <= kNumSections ? names[section - 1]
                                                 : "unknown";
}

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
  /// A byte that is the number of one of an enumeration's values.
  template <typename Enum> Enum value(const char *what) {
    return static_cast<Enum>(choice(countOf(Enum()), what));
  }
  /// A count of things of at least `width` bytes each; `most` of them are
  /// legal. Checked before there is memory for them.
  size_t count(size_t width, const char *what, size_t most = UINT32_MAX) {
    size_t value = u32(what);
    if (ok() && value > most) {
      fail(value, " ", what, ", expected at most ", most);
      return 0;
    }
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
  tile.space = r.value<Space>("memory");
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

// Fields of the extension.
void readField(Reader &r, SparsePattern &pattern) {
  pattern.n = r.u8("pattern");
  pattern.m = r.u8("pattern");
}
void readField(Reader &r, Affine &affine) { affine = readAffine(r); }

/// Takes what the base word holds of the fields.
class BaseReader {
public:
  BaseReader(Reader &r, const InstructionInfo &info, uint8_t flags)
      : r(r), info(info), flags(flags) {}

  bool hasChosen = false;

  void operator()(Field field, bool &value) {
    value = flags & infoOf(field).flag;
    flags &= static_cast<uint8_t>(~infoOf(field).flag);
  }
  template <typename T> void operator()(Field field, T &value) {
    if constexpr (std::is_enum_v<T>)
      if (info.uses(field)) {
        value = r.value<T>(infoOf(field).word);
        hasChosen = true;
      }
  }
  /// Flags that no field has.
  uint8_t left() const { return flags; }

private:
  Reader &r;
  const InstructionInfo &info;
  uint8_t flags;
};

void readInstruction(Reader &r, Instruction &i) {
  i.opcode = r.value<Opcode>("opcode");
  uint8_t flags = r.u8("flags");
  i.channel = r.u8("channel");
  BaseReader base(r, infoOf(i.opcode), flags);
  forEachField(i, base);
  if (base.left())
    r.fail("the flags ", int(flags), ", expected none of ", int(base.left()));
  if (!base.hasChosen)
    r.choice(1, "kind");
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
  forEachUsedField(i, [&](Field field, auto &member) {
    if constexpr (std::is_same_v<decltype(member), int64_t &>)
      member = r.i64(infoOf(field).word);
    else if constexpr (std::is_same_v<decltype(member), SparsePattern &> ||
                       std::is_same_v<decltype(member), Affine &>)
      readField(r, member);
  });
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
  program.tensors.resize(r.count(45, "tensors", kMaxEntries));
  uint64_t unused = data.size();
  for (Tensor &tensor : program.tensors) {
    tensor.name = r.text("name");
    tensor.role = r.value<Role>("role");
    tensor.type = r.value<Type>("type");
    tensor.hostType = r.value<Type>("type");
    tensor.part = r.value<Part>("part");
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
    // Else few bytes could stand for any number of copies of them.
    if (size > unused) {
      r.fail("content of ", size, " bytes, expected at most the ", unused,
             " of the data section that no tensor before has");
      return;
    }
    unused -= size;
    std::string_view content = data.substr(begin, size);
    tensor.data.assign(content.begin(), content.end());
  }
}

void readBuffers(Reader &r, Program &program) {
  program.buffers.resize(r.count(18, "buffers", kMaxEntries));
  for (Buffer &buffer : program.buffers) {
    buffer.address = r.i64("address");
    buffer.slots = r.i64("slots");
    buffer.type = r.value<Type>("type");
    buffer.shape = r.sizes(kMaxRank, "rank");
  }
}

void readSemaphores(Reader &r, Program &program) {
  program.semaphores.resize(r.count(1, "semaphores", kMaxEntries));
  for (int64_t &count : program.semaphores)
    count = r.u8("count");
}

void readCode(Reader &r, Program &program) {
  size_t count = r.count(kBaseBytes, "instructions", kMaxCode);
  for (size_t i = 0; i < count && r.ok(); ++i) {
    program.code.emplace_back();
    readInstruction(r, program.code.back());
  }
}

} // namespace

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
  if (major != kMajor || minor > latestMinor())
    return makeError(Errc::Unsupported, where, ": byte 8: found version ",
                     major, ".", minor, ", expected ", kMajor, ".0 to ", kMajor,
                     ".", latestMinor(), "; a newer nm reads it");
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
  NM_RETURN_IF_ERROR(
      read(TargetSection, [&](Reader &r) { readTarget(r, program); }));
  NM_RETURN_IF_ERROR(read(TensorSection, [&](Reader &r) {
    readTensors(r, sections[DataSection - 1], program);
  }));
  NM_RETURN_IF_ERROR(
      read(BufferSection, [&](Reader &r) { readBuffers(r, program); }));
  NM_RETURN_IF_ERROR(
      read(SemaphoreSection, [&](Reader &r) { readSemaphores(r, program); }));
  NM_RETURN_IF_ERROR(
      read(CodeSection, [&](Reader &r) { readCode(r, program); }));
  return program;
}

Result<Program> readBinary(std::string_view bytes, const std::string &where) {
  return support::guarded([&]() -> Result<Program> {
    Result<Program> program = readSections(bytes, where);
    if (!program)
      return program;
    return checkRead(std::move(*program), where);
  });
}

} // namespace nm::isa
