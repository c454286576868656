//===- Pickle.cpp - what a pickle says, without running it ----------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The opcodes are those of CPython's Lib/pickletools.py. The memory that is
// used is bounded by the bytes that are read: every opcode makes at most one
// value, and strings are no longer than their bytes.
//
//===----------------------------------------------------------------------===//

#include "Pickle.h"
#include "Support.h"
#include <unordered_map>

namespace nm::rt {

using Kind = PickleValue::Kind;

class PickleReader {
public:
  PickleReader(Pickle &pickle, const unsigned char *data, uint64_t size,
               const std::string &where)
      : pickle(pickle), data(data), size(size), where(where) {}

  Status run() {
    while (true) {
      opcodeAt = at;
      unsigned char opcode;
      if (!take(opcode))
        return fail("the pickle ends without STOP");
      if (opcode == '.') {
        if (stack.empty() || !stack.back())
          return fail("STOP without a value");
        pickle.result = stack.back();
        pickle.bytes = at;
        return {};
      }
      if (!step(opcode))
        return fail(problem);
    }
  }

private:
  Pickle &pickle;
  const unsigned char *data;
  uint64_t size, at = 0, opcodeAt = 0;
  const std::string &where;
  /// Null is a mark.
  std::vector<PickleValue *> stack;
  std::unordered_map<uint64_t, PickleValue *> memo;
  std::string problem;

  Error fail(const std::string &what) const {
    return makeError(Errc::Format, where, ": ", what, " at byte ", opcodeAt);
  }
  bool refuse(std::string what) {
    problem = std::move(what);
    return false;
  }
  bool cut() { return refuse("the pickle is cut"); }

  template <typename T> bool take(T &value) {
    if (sizeof(T) > size - at)
      return false;
    value = loadUnaligned<T>(data + at);
    at += sizeof(T);
    return true;
  }
  bool take(std::string &text, uint64_t bytes) {
    if (bytes > size - at)
      return false;
    text.assign(reinterpret_cast<const char *>(data) + at, bytes);
    at += bytes;
    return true;
  }
  bool takeLine(std::string &text) {
    const void *end = std::memchr(data + at, '\n', size - at);
    if (at == size || !end)
      return false;
    uint64_t bytes =
        uint64_t(static_cast<const unsigned char *>(end) - data) - at;
    return take(text, bytes) && (++at, true);
  }

  PickleValue *make(Kind kind) {
    pickle.values.emplace_back();
    pickle.values.back().kind = kind;
    return &pickle.values.back();
  }
  bool push(PickleValue *value) {
    stack.push_back(value);
    return true;
  }
  bool pushInt(int64_t value, Kind kind = Kind::Int) {
    PickleValue *made = make(kind);
    made->integer = value;
    return push(made);
  }
  bool pushText(uint64_t bytes) {
    PickleValue *made = make(Kind::Text);
    return take(made->text, bytes) ? push(made) : cut();
  }
  template <typename T> bool pushSizedText() {
    T bytes;
    return take(bytes) ? pushText(bytes) : cut();
  }

  /// The top value.
  bool pop(PickleValue *&value) {
    if (stack.empty() || !stack.back())
      return refuse("a value is missing");
    value = stack.back();
    stack.pop_back();
    return true;
  }
  PickleValue *top() { return stack.empty() ? nullptr : stack.back(); }
  /// Everything above the last mark.
  bool popMark(std::vector<PickleValue *> &values) {
    size_t begin = stack.size();
    while (begin != 0 && stack[begin - 1])
      --begin;
    if (begin == 0)
      return refuse("a mark is missing");
    values.assign(stack.begin() + ptrdiff_t(begin), stack.end());
    stack.resize(begin - 1);
    return true;
  }

  bool pushTuple(size_t count) {
    PickleValue *tuple = make(Kind::Tuple);
    tuple->items.resize(count);
    for (size_t i = count; i != 0; --i)
      if (!pop(tuple->items[i - 1]))
        return false;
    return push(tuple);
  }

  /// What calling the value below the arguments would give.
  bool call() {
    PickleValue *arguments, *callee;
    if (!pop(arguments) || !pop(callee))
      return false;
    PickleValue *made = make(Kind::Made);
    made->items = {callee, arguments};
    return push(made);
  }

  bool setItems(const std::vector<PickleValue *> &values) {
    PickleValue *target = top();
    if (!target || (!target->is(Kind::Dict) && !target->is(Kind::Made)))
      return refuse("entries for something that is no dict");
    if (values.size() % 2 != 0)
      return refuse("a key without a value");
    for (size_t i = 0; i < values.size(); i += 2)
      target->entries.emplace_back(values[i], values[i + 1]);
    return true;
  }

  bool append(const std::vector<PickleValue *> &values) {
    PickleValue *target = top();
    if (!target || (!target->is(Kind::List) && !target->is(Kind::Made)))
      return refuse("items for something that is no list");
    // A Made's first two items are its callee and arguments.
    target->items.insert(target->items.end(), values.begin(), values.end());
    return true;
  }

  template <typename T> bool get() {
    T index;
    return take(index) ? get(index) : cut();
  }
  bool get(uint64_t index) {
    auto found = memo.find(index);
    return found == memo.end()
               ? refuse("no value was remembered as " + std::to_string(index))
               : push(found->second);
  }
  template <typename T> bool put() {
    T index;
    return take(index) ? put(index) : cut();
  }
  bool put(uint64_t index) {
    if (!top())
      return refuse("nothing to remember");
    memo[index] = top();
    return true;
  }

  bool global() {
    std::string module, name;
    if (!takeLine(module) || !takeLine(name))
      return cut();
    PickleValue *made = make(Kind::Global);
    made->text = module + "." + name;
    return push(made);
  }

  /// Little-endian two's complement of up to 8 bytes.
  bool pushLong(uint64_t bytes) {
    std::string digits;
    if (!take(digits, bytes))
      return cut();
    if (bytes > 8)
      return push(make(Kind::Float)); // nothing that we count is as large
    uint64_t value = 0;
    std::memcpy(&value, digits.data(), bytes);
    if (bytes != 0 && bytes < 8 && (digits.back() & 0x80))
      value |= ~uint64_t(0) << (8 * bytes);
    return pushInt(int64_t(value));
  }

  /// Decimal text of protocol 0, "01" and "00" being True and False.
  bool pushDecimal() {
    std::string text;
    if (!takeLine(text))
      return cut();
    if (text == "01" || text == "00")
      return pushInt(text == "01", Kind::Bool);
    if (!text.empty() && text.back() == 'L')
      text.pop_back();
    int64_t value = 0;
    bool negative = !text.empty() && text[0] == '-';
    if (text.size() == size_t(negative))
      return refuse("a number without digits");
    for (size_t i = negative; i < text.size(); ++i)
      if (text[i] < '0' || text[i] > '9' || mulOverflow(value, 10, value) ||
          addOverflow(value, text[i] - '0', value))
        return refuse("a number that is none, or does not fit in 63 bits");
    return pushInt(negative ? -value : value);
  }

  bool step(unsigned char opcode);
  bool stepCollection(unsigned char opcode);
};

/// Numbers, texts, the memo.
bool PickleReader::step(unsigned char opcode) {
  std::string ignored;
  switch (opcode) {
  case 0x80: { // PROTO
    unsigned char version;
    if (!take(version))
      return cut();
    return version <= 5 || refuse("protocol " + std::to_string(version) +
                                  ", expected at most 5");
  }
  case 0x95: { // FRAME
    uint64_t bytes;
    return take(bytes) || cut();
  }
  case 'N':
    return push(make(Kind::None));
  case 0x88:
  case 0x89:
    return pushInt(opcode == 0x88, Kind::Bool);
  case 'I':
  case 'L':
    return pushDecimal();
  case 'J': {
    int32_t value;
    return take(value) ? pushInt(value) : cut();
  }
  case 'K': {
    uint8_t value;
    return take(value) ? pushInt(value) : cut();
  }
  case 'M': {
    uint16_t value;
    return take(value) ? pushInt(value) : cut();
  }
  case 0x8a: { // LONG1
    uint8_t bytes;
    return take(bytes) ? pushLong(bytes) : cut();
  }
  case 0x8b: { // LONG4
    uint32_t bytes;
    return take(bytes) ? pushLong(bytes) : cut();
  }
  case 'F':
    return takeLine(ignored) ? push(make(Kind::Float)) : cut();
  case 'G': {
    uint64_t bits;
    return take(bits) ? push(make(Kind::Float)) : cut();
  }
  case 'S':
  case 'V': {
    PickleValue *text = make(Kind::Text);
    return takeLine(text->text) ? push(text) : cut();
  }
  case 'U':  // SHORT_BINSTRING
  case 'C':  // SHORT_BINBYTES
  case 0x8c: // SHORT_BINUNICODE
    return pushSizedText<uint8_t>();
  case 'T': // BINSTRING
  case 'B': // BINBYTES
  case 'X': // BINUNICODE
    return pushSizedText<uint32_t>();
  case 0x8d: // BINUNICODE8
  case 0x8e: // BINBYTES8
  case 0x96: // BYTEARRAY8
    return pushSizedText<uint64_t>();
  case 'h':
    return get<uint8_t>();
  case 'j':
    return get<uint32_t>();
  case 'q':
    return put<uint8_t>();
  case 'r':
    return put<uint32_t>();
  case 0x94: // MEMOIZE
    return put(memo.size());
  case 'c':
    return global();
  case 0x93: { // STACK_GLOBAL
    PickleValue *module, *name;
    if (!pop(name) || !pop(module))
      return false;
    PickleValue *made = make(Kind::Global);
    made->text = module->text + "." + name->text;
    return push(made);
  }
  default:
    return stepCollection(opcode);
  }
}

/// Tuples, lists, dicts, sets, and what would be calls.
bool PickleReader::stepCollection(unsigned char opcode) {
  std::vector<PickleValue *> values;
  PickleValue *value;
  switch (opcode) {
  case '(':
    return push(nullptr);
  case '0': // POP takes a mark too
    if (stack.empty())
      return refuse("a value is missing");
    stack.pop_back();
    return true;
  case '1':
    return popMark(values);
  case '2':
    return top() ? push(top()) : refuse("a value is missing");
  case ')':
    return pushTuple(0);
  case 0x85:
  case 0x86:
  case 0x87:
    return pushTuple(size_t(opcode - 0x84));
  case 't':
  case 'l':
  case 0x91: { // TUPLE, LIST, FROZENSET
    if (!popMark(values))
      return false;
    PickleValue *made = make(opcode == 't' ? Kind::Tuple : Kind::List);
    made->items = std::move(values);
    return push(made);
  }
  case ']':
  case 0x8f: // EMPTY_LIST, EMPTY_SET
    return push(make(Kind::List));
  case '}':
    return push(make(Kind::Dict));
  case 'd':
    return popMark(values) && push(make(Kind::Dict)) && setItems(values);
  case 'a':
    return pop(value) && append({value});
  case 'e':
  case 0x90: // APPENDS, ADDITEMS
    return popMark(values) && append(values);
  case 's': {
    PickleValue *key;
    return pop(value) && pop(key) && setItems({key, value});
  }
  case 'u':
    return popMark(values) && setItems(values);
  case 'R':
  case 0x81: // REDUCE, NEWOBJ
    return call();
  case 0x92: { // NEWOBJ_EX, whose keyword arguments say nothing of tensors
    return pop(value) && call();
  }
  case 'i':
  case 'o': { // INST, OBJ
    if (opcode == 'i' && !global())
      return false;
    PickleValue *callee = nullptr;
    if (opcode == 'i' && !pop(callee))
      return false;
    if (!popMark(values))
      return false;
    if (!callee) {
      if (values.empty())
        return refuse("a class is missing");
      callee = values.front();
      values.erase(values.begin());
    }
    PickleValue *arguments = make(Kind::Tuple);
    arguments->items = std::move(values);
    return push(callee) && push(arguments) && call();
  }
  case 'b': { // BUILD: the state of an object
    PickleValue *state;
    if (!pop(state))
      return false;
    if (!top() || !top()->is(Kind::Made))
      return refuse("a state for something that is no object");
    // Attributes are no entries: an OrderedDict carries `_metadata` so.
    return true;
  }
  case 'Q':
  case 'P': { // BINPERSID, PERSID
    if (opcode == 'P') {
      PickleValue *text = make(Kind::Text);
      if (!takeLine(text->text))
        return cut();
      push(text);
    }
    if (!pop(value))
      return false;
    PickleValue *stored = make(Kind::Stored);
    stored->items = {value};
    return push(stored);
  }
  default: {
    static const char hex[] = "0123456789abcdef";
    return refuse(std::string("opcode 0x") + hex[opcode >> 4] +
                  hex[opcode & 15] + ", which no pickle of tensors has");
  }
  }
}

Status Pickle::parse(const unsigned char *data, uint64_t size,
                     const std::string &where) {
  return PickleReader(*this, data, size, where).run();
}

} // namespace nm::rt
