//===- AssemblyReader.cpp - Programs from text -----------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Check.h"
#include "nm/Isa/Encoding.h"
#include "nm/Isa/Names.h"
#include "nm/Support/Guarded.h"
#include "nm/Support/Text.h"
#include <algorithm>
#include <charconv>

namespace nm::isa {

namespace {

bool isWordChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '_';
}

/// Reads line by line; the first failure sticks.
class Parser {
public:
  Parser(std::string_view text, const std::string &where)
      : text(text), where(where) {}

  Status parse(Program &program);

  /// The line of an entry; of what belongs to none, the last.
  int64_t lineOf(const Program &program, const Place &place) const {
    switch (place.table) {
    case Place::OfTarget:
      return targetLine;
    case Place::Tensors:
      return tensorLines[place.index];
    case Place::Buffers:
      return bufferLines[place.index];
    case Place::Semaphores:
      return semaphoreLines[place.index];
    case Place::Code:
      return program.code[place.index].source;
    case Place::Whole:
      break;
    }
    return lineNumber;
  }

private:
  template <typename... Parts> bool fail(const Parts &...expected) {
    if (error.ok()) {
      size_t end = at;
      while (end < line.size() && end < at + 24 && line[end] != ' ')
        ++end;
      std::string found = at < line.size()
                              ? support::quote(line.substr(at, end - at))
                              : "the end of the line";
      error = makeError(Errc::Format, where, ":", lineNumber, ":", at + 1,
                        ": found ", found, ", expected ", expected...);
    }
    return false;
  }
  bool nextLine();
  void skip() {
    while (at < line.size() && (line[at] == ' ' || line[at] == '\t'))
      ++at;
    if (at < line.size() && line[at] == ';')
      at = line.size();
  }
  bool isAtEnd() {
    skip();
    return at == line.size();
  }
  bool accept(char c) {
    skip();
    if (at == line.size() || line[at] != c)
      return false;
    ++at;
    return true;
  }
  bool expect(char c) { return accept(c) || fail("'", std::string(1, c), "'"); }
  std::string_view peekWord() {
    skip();
    size_t end = at;
    while (end < line.size() && isWordChar(line[end]))
      ++end;
    return line.substr(at, end - at);
  }
  bool acceptWord(std::string_view word) {
    if (peekWord() != word)
      return false;
    at += word.size();
    return true;
  }
  bool expectWord(std::string_view word) {
    return acceptWord(word) || fail("'", word, "'");
  }
  template <typename T> bool number(T &value) {
    skip();
    const char *begin = line.data() + at;
    auto parsed = std::from_chars(begin, line.data() + line.size(), value);
    if (parsed.ec != std::errc())
      return fail("a number");
    at += static_cast<size_t>(parsed.ptr - begin);
    return true;
  }
  template <typename Enum> bool name(Enum &value) {
    std::string_view word = peekWord();
    if (!parseName(word, value))
      return fail("one of ", namesOf(value));
    at += word.size();
    return true;
  }
  bool string(std::string &value);
  bool sizes(std::vector<int64_t> &values, size_t most);
  bool pattern(SparsePattern &value);
  bool content(std::vector<uint8_t> &bytes) {
    std::string_view digits = peekWord();
    if (!parseHex(digits, bytes))
      return fail("two hexadecimal digits for each byte");
    at += digits.size();
    return true;
  }
  bool bits(float &value) {
    std::string_view digits = peekWord();
    if (!parseFloat(digits, value))
      return fail("the bits of an f32 as 0x3f800000");
    at += digits.size();
    return true;
  }
  bool prefixed(char prefix, uint32_t &value);
  bool hasPrefixed(char prefix) {
    std::string_view word = peekWord();
    return word.size() > 1 && word[0] == prefix && word[1] >= '0' &&
           word[1] <= '9';
  }
  template <typename Body> bool steps(Body body);
  bool target(Target &target);
  bool tensor(Tensor &tensor);
  bool buffer(Buffer &buffer);
  bool tile(Tile &tile);
  bool affine(Affine &affine);
  bool instruction(Instruction &instruction);
  // What stands behind the name of a field.
  bool field(bool &value) { return value = true; }
  bool field(uint8_t &value) { return number(value); }
  bool field(int64_t &value) { return number(value); }
  bool field(float &value) { return bits(value); }
  bool field(SparsePattern &value) { return pattern(value); }
  bool field(Affine &value) { return affine(value); }
  template <typename Enum> bool field(Enum &value) { return name(value); }

  std::string_view text, line;
  const std::string &where;
  size_t next = 0, at = 0;
  int64_t lineNumber = 0, targetLine = 0;
  std::vector<int64_t> tensorLines, bufferLines, semaphoreLines;
  Status error;
};

} // namespace

/// The next line that holds something.
bool Parser::nextLine() {
  while (next < text.size()) {
    size_t end = std::min(text.find('\n', next), text.size());
    line = text.substr(next, end - next);
    if (!line.empty() && line.back() == '\r')
      line.remove_suffix(1);
    next = end + 1;
    at = 0;
    ++lineNumber;
    if (!isAtEnd())
      return true;
  }
  line = {};
  at = 0;
  return false;
}

bool Parser::string(std::string &value) {
  if (!expect('"'))
    return false;
  value.clear();
  for (; at < line.size() && line[at] != '"'; ++at) {
    if (line[at] != '\\') {
      value += line[at];
      continue;
    }
    std::vector<uint8_t> byte;
    if (at + 2 >= line.size() || !parseHex(line.substr(at + 1, 2), byte))
      return fail("two hexadecimal digits after a backslash");
    value += static_cast<char>(byte[0]);
    at += 2;
  }
  if (at == line.size())
    return fail("a closing quote");
  ++at;
  return true;
}

bool Parser::sizes(std::vector<int64_t> &values, size_t most) {
  if (!expect('['))
    return false;
  values.clear();
  if (accept(']'))
    return true;
  do {
    if (values.size() == most)
      return fail("at most ", most, " numbers");
    values.emplace_back();
    if (!number(values.back()))
      return false;
  } while (accept(','));
  return expect(']');
}

bool Parser::pattern(SparsePattern &value) {
  skip();
  size_t end = at;
  while (end < line.size() && (isWordChar(line[end]) || line[end] == ':'))
    ++end;
  if (!parsePattern(line.substr(at, end - at), value))
    return fail("a pattern N:M");
  at = end;
  return true;
}

bool Parser::prefixed(char prefix, uint32_t &value) {
  if (!hasPrefixed(prefix))
    return fail("'", std::string(1, prefix), "' and a number");
  ++at;
  return number(value);
}

/// "+ 64*l0 - 2*l1": body(depth, step).
template <typename Body> bool Parser::steps(Body body) {
  for (;;) {
    bool isNegative = false;
    if (!accept('+')) {
      if (!accept('-'))
        return true;
      isNegative = true;
    }
    int64_t step = 0;
    uint32_t depth = 0;
    skip();
    if (at < line.size() && line[at] == '-')
      return fail("a number");
    if (!number(step) || !expect('*') || !prefixed('l', depth))
      return false;
    if (depth >= uint32_t(kMaxLoops))
      return fail("a loop below ", kMaxLoops);
    body(static_cast<uint8_t>(depth), isNegative ? -step : step);
  }
}

bool Parser::target(Target &target) {
  if (!string(target.name))
    return false;
  while (!isAtEnd()) {
    bool isRead = acceptWord("scratchpad") ? number(target.scratchpadBytes)
                  : acceptWord("channels") ? number(target.channels)
                  : acceptWord("segments") ? number(target.segments)
                  : acceptWord("pattern")
                      ? pattern(target.patterns.emplace_back())
                      : fail("scratchpad, channels, segments or pattern");
    if (!isRead)
      return false;
  }
  return true;
}

bool Parser::tensor(Tensor &tensor) {
  if (!string(tensor.name) || !name(tensor.role) || !name(tensor.type) ||
      !expectWord("shape") || !sizes(tensor.shape, kMaxRank))
    return false;
  while (!isAtEnd()) {
    bool isRead = acceptWord("strides")      ? sizes(tensor.strides, kMaxRank)
                  : acceptWord("host_shape") ? sizes(tensor.hostShape, 16)
                  : acceptWord("host_type")  ? name(tensor.hostType)
                  : acceptWord("key")        ? string(tensor.key)
                  : acceptWord("scope")      ? string(tensor.scope)
                  : acceptWord("part")       ? name(tensor.part)
                  : acceptWord("pattern")    ? pattern(tensor.pattern)
                  : acceptWord("data")
                      ? content(tensor.data)
                      : fail("strides, host_shape, host_type, key, scope, "
                             "part, pattern or data");
    if (!isRead)
      return false;
  }
  return true;
}

bool Parser::buffer(Buffer &buffer) {
  return expectWord("at") && number(buffer.address) && expectWord("slots") &&
         number(buffer.slots) && name(buffer.type) && expectWord("shape") &&
         sizes(buffer.shape, kMaxRank) &&
         (isAtEnd() || fail("nothing behind the shape"));
}

bool Parser::tile(Tile &tile) {
  tile.space = hasPrefixed('t') ? Space::Dram : Space::Scratchpad;
  if (!prefixed(tile.space == Space::Dram ? 't' : 'b', tile.object) ||
      !expect('['))
    return false;
  auto counterAt = [&](uint8_t depth) -> Counter & {
    auto place =
        std::lower_bound(tile.counters.begin(), tile.counters.end(), depth,
                         [](const Counter &counter, uint8_t depth) {
                           return counter.depth < depth;
                         });
    if (place == tile.counters.end() || place->depth != depth) {
      place = tile.counters.insert(place, Counter());
      place->depth = depth;
    }
    return *place;
  };
  size_t rank = 0;
  do {
    if (rank == size_t(kMaxRank))
      return fail("at most ", kMaxRank, " dimensions");
    if (!number(tile.offsets[rank]) || !steps([&](uint8_t depth, int64_t step) {
          counterAt(depth).steps[rank] = step;
        }) ||
        !expect(':') || !number(tile.sizes[rank]))
      return false;
    tile.dims.push_back(static_cast<uint8_t>(rank++));
  } while (accept(','));
  if (!expect(']'))
    return false;
  if (acceptWord("dims")) {
    tile.dims.clear();
    if (!expect('('))
      return false;
    do {
      if (tile.dims.size() == size_t(kMaxRank))
        return fail("at most ", kMaxRank, " dimensions");
      tile.dims.emplace_back();
      if (!number(tile.dims.back()))
        return false;
    } while (accept(','));
    if (!expect(')'))
      return false;
  }
  if (acceptWord("slot"))
    return expect('(') && number(tile.slot) &&
           steps([&](uint8_t depth, int64_t step) {
             counterAt(depth).slotStep = step;
           }) &&
           expect(')');
  return true;
}

bool Parser::affine(Affine &affine) {
  return number(affine.base) && steps([&](uint8_t depth, int64_t step) {
           affine.steps.push_back({depth, step});
         });
}

bool Parser::instruction(Instruction &i) {
  if (!name(i.opcode))
    return false;
  if (i.opcode == Opcode::Loop && !number(i.trips))
    return false;
  if (hasPrefixed('t') || hasPrefixed('b'))
    do {
      i.operands.emplace_back();
      if (i.operands.size() > 4)
        return fail("at most 4 operands");
      if (!tile(i.operands.back()))
        return false;
    } while (accept(','));
  auto semaphores = [&](std::vector<uint32_t> &list) {
    do {
      list.emplace_back();
      if (!prefixed('s', list.back()))
        return false;
    } while (hasPrefixed('s'));
    return true;
  };
  while (!isAtEnd()) {
    bool isRead = false;
    if (acceptWord("wait")) {
      isRead = semaphores(i.waits);
    } else if (acceptWord("signal")) {
      isRead = semaphores(i.signals);
    } else {
      bool isFound = false;
      forEachField(i, [&](Field named, auto &member) {
        if (isFound || named == Field::Trips || !acceptWord(infoOf(named).word))
          return;
        isFound = true;
        isRead = field(member);
      });
      if (!isFound)
        return fail("an attribute of an instruction");
    }
    if (!isRead)
      return false;
  }
  return true;
}

Status Parser::parse(Program &program) {
  if (!nextLine() || !expectWord("program") || !string(program.name) ||
      !(isAtEnd() || fail("nothing behind the name"))) {
    fail("'program' and a name");
    return error;
  }
  if (!nextLine() || !expectWord("target") || !target(program.target)) {
    fail("'target', a device and what the program needs of it");
    return error;
  }
  targetLine = lineNumber;
  bool isCode = false;
  while (error.ok() && nextLine()) {
    if (isCode) {
      program.code.emplace_back();
      program.code.back().source = lineNumber;
      instruction(program.code.back());
    } else if (acceptWord("tensor")) {
      program.tensors.emplace_back();
      tensorLines.push_back(lineNumber);
      tensor(program.tensors.back());
    } else if (acceptWord("buffer")) {
      program.buffers.emplace_back();
      bufferLines.push_back(lineNumber);
      buffer(program.buffers.back());
    } else if (acceptWord("semaphore")) {
      program.semaphores.emplace_back();
      semaphoreLines.push_back(lineNumber);
      number(program.semaphores.back());
    } else if (acceptWord("code")) {
      isCode = true;
    } else {
      fail("tensor, buffer, semaphore or code");
    }
    if (error.ok() && !isAtEnd())
      fail("the end of the line");
  }
  if (error.ok() && !isCode)
    fail("'code' and the instructions");
  return error;
}

Result<Program> readAssembly(std::string_view text, const std::string &where) {
  return support::guarded([&]() -> Result<Program> {
    Program program;
    Parser parser(text, where);
    if (Status status = parser.parse(program); !status)
      return status.error();
    Place place;
    if (Status status = checkProgram(program, &place); !status)
      return makeError(status.error().code, where, ":",
                       parser.lineOf(program, place),
                       ":1: ", status.error().message);
    return program;
  });
}

} // namespace nm::isa
