//===- InterpreterTest.cpp - Values of the simulator, bit for bit ----------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Random programs, each an instruction on tiles within buffers that are loaded
// before and stored whole behind it, with contents full of special values; now
// and then in a loop that takes the slots in turn. What the simulator leaves in
// DRAM equals what the interpreter leaves there, each bit.
// NM_STRESS_PROGRAMS and NM_STRESS_SEED ask for more and for others.
//
//===----------------------------------------------------------------------===//

#include "Interpreter.h"
#include "TestSupport.h"
#include "nm/Isa/Encoding.h"
#include "nm/Isa/Instructions.h"
#include "nm/Isa/Verify.h"
#include "nm/Simulator/Golden.h"
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <unistd.h>

using namespace nm;
using namespace nm::sim;
using namespace nm::isa;

namespace {

constexpr Opcode kOpcodes[] = {
    Opcode::Store,  Opcode::Gemm,      Opcode::NMGemm, Opcode::RowMax,
    Opcode::ExpSum, Opcode::Rescale,   Opcode::Scale,  Opcode::Softmax,
    Opcode::Mask,   Opcode::LayerNorm, Opcode::Unary,  Opcode::Elementwise,
    Opcode::Fill};
constexpr size_t kNumKinds = sizeof(kOpcodes) / sizeof(kOpcodes[0]);

class RandomProgram {
public:
  RandomProgram(unsigned seed, size_t number)
      : device(machine()), random(seed * 1000003u + unsigned(number)),
        b("random", targetOf(device)), opcode(kOpcodes[number % kNumKinds]),
        main(Type(number / kNumKinds % 3)) {
    // Programs of few special values too, so that not all is NaN.
    const int parts[] = {0, 4, 12, 40};
    special = parts[below(4)];
    trips = below(3) ? 1 : 2 + below(2);
  }

  Program build();
  std::vector<std::vector<uint8_t>> contents() const { return data; }
  Device device;

private:
  static Device machine() {
    Device device = smallDevice();
    device.array.sparsePatterns = {{2, 4}, {1, 4}, {2, 8}, {1, 2},
                                   {4, 8}, {2, 3}, {3, 5}, {7, 16}};
    return device;
  }
  int64_t below(int64_t n) {
    return static_cast<int64_t>(random() % static_cast<uint64_t>(n));
  }
  bool chance(int64_t n) { return below(n) == 0; }
  int64_t size() {
    const int64_t sizes[] = {1, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33};
    return sizes[below(13)];
  }
  Type floatType() { return chance(2) ? main : Type(below(3)); }
  uint32_t element(Type type);
  float scalar() {
    const float values[] = {1, 1, 0.125f, -2, 0, -0.0f, 1e-40f, 3e38f};
    return values[below(8)];
  }
  Tile operand(Type type, std::vector<int64_t> shape, bool canTurn = true);
  std::vector<Tile> operandsOf();
  Affine place();

  std::mt19937_64 random;
  Builder b;
  Opcode opcode;
  Type main;
  int special;
  int64_t trips;
  SparsePattern pattern{2, 4};
  bool left = false, right = false;
  std::vector<std::vector<uint8_t>> data;
  struct Made {
    TensorId in, out;
    BufferId buffer;
    std::vector<int64_t> shape;
    int64_t slots;
  };
  std::vector<Made> made;
  std::vector<std::pair<size_t, int64_t>> moving; ///< operands by slots
};

/// Bits of an element: mostly numbers about 1, the others the edges of a type.
uint32_t RandomProgram::element(Type type) {
  if (type == Type::I8)
    return static_cast<uint32_t>(below(256));
  if (below(100) >= special) {
    float value = static_cast<float>(below(4001) - 2000) / 500.0f;
    return oracle::encode(value, type);
  }
  int fraction = type == Type::F32 ? 23 : type == Type::F16 ? 10 : 7;
  int width = type == Type::F32 ? 32 : 16;
  uint32_t sign = chance(2) ? 1u << (width - 1) : 0;
  uint32_t infinity = ((1u << (width - 1 - fraction)) - 1) << fraction;
  uint32_t any = static_cast<uint32_t>(random()) & ((1u << fraction) - 1);
  switch (below(9)) {
  case 0:
    return sign | infinity | any | 1; // NaN of any kind
  case 1:
  case 2:
    return sign | infinity;
  case 3:
    return sign; // zero
  case 4:
    return sign | any; // denormal
  case 5:
    return sign | (infinity - 1); // the largest
  case 6:
    return sign | 1u << fraction; // the smallest normal
  case 7:
    return 1u << (width - 1) | infinity; // minus infinity, of masks
  default:
    return static_cast<uint32_t>(random()) &
           (width == 32 ? 0xffffffffu : 0xffffu);
  }
}

/// A tile within a buffer of its own that is larger, has slots, and may hold
/// the dimensions in another order.
Tile RandomProgram::operand(Type type, std::vector<int64_t> shape,
                            bool canTurn) {
  size_t rank = shape.size();
  std::vector<uint8_t> dims(rank);
  for (size_t d = 0; d < rank; ++d)
    dims[d] = static_cast<uint8_t>(d);
  if (canTurn && rank == 2 && chance(4))
    std::swap(dims[0], dims[1]);
  std::vector<int64_t> whole(rank), offsets(rank), sizes(rank);
  for (size_t d = 0; d < rank; ++d) {
    int64_t before = chance(3) ? below(3) : 0;
    offsets[dims[d]] = before;
    sizes[dims[d]] = shape[d];
    whole[dims[d]] = before + shape[d] + (chance(3) ? below(3) : 0);
  }
  int64_t slots = trips > 1 ? trips : 1 + below(2);
  std::vector<int64_t> all = whole;
  all.insert(all.begin(), slots);
  std::string name = std::to_string(made.size());
  Made one;
  one.in = b.tensor(tensorOf("in" + name, Role::In, type, all));
  std::vector<uint8_t> content;
  for (int64_t e = 0; e < numElements(all); ++e) {
    uint32_t bits = element(type);
    for (int64_t i = 0; i < typeBytes(type); ++i)
      content.push_back(static_cast<uint8_t>(bits >> (8 * i)));
  }
  data.push_back(std::move(content));
  one.out = b.tensor(tensorOf("out" + name, Role::Out, type, all));
  data.emplace_back(static_cast<size_t>(numElements(all) * typeBytes(type)));
  one.buffer = b.buffer(type, whole, slots);
  one.shape = whole;
  one.slots = slots;
  Tile tile = b.tile(one.buffer);
  tile.dims = dims;
  for (size_t d = 0; d < rank; ++d) {
    tile.offsets[d] = offsets[d];
    tile.sizes[d] = sizes[d];
  }
  tile.slot = trips > 1 ? 0 : below(slots);
  if (trips > 1) {
    Counter counter;
    counter.slotStep = 1;
    tile.counters.push_back(counter);
  }
  made.push_back(one);
  return tile;
}

std::vector<Tile> RandomProgram::operandsOf() {
  int64_t r = size(), c = size(), k = size();
  auto any = [&](std::vector<int64_t> shape) {
    return operand(floatType(), std::move(shape));
  };
  switch (opcode) {
  case Opcode::Gemm: {
    left = chance(2), right = chance(2);
    Type dest = chance(2) ? Type::F32 : main;
    std::vector<int64_t> lead;
    if (chance(4))
      lead = {1 + below(std::min<int64_t>(b.target().segments, 3))};
    auto with = [&](int64_t x, int64_t y) {
      std::vector<int64_t> shape = lead;
      shape.push_back(x);
      shape.push_back(y);
      return shape;
    };
    Tile lhs = operand(main, left ? with(k, r) : with(r, k));
    Tile rhs = operand(main, right ? with(c, k) : with(k, c));
    return {lhs, rhs, operand(dest, with(r, c))};
  }
  case Opcode::NMGemm: {
    pattern = device.array.sparsePatterns[static_cast<size_t>(
        below(static_cast<int64_t>(device.array.sparsePatterns.size())))];
    int64_t groups = 1 + below(5), kept = groups * pattern.n;
    int64_t bytes = (kept * pattern.indexBits() + 7) / 8;
    Tile lhs = operand(main, {r, groups * pattern.m});
    Tile values = operand(main, {c, kept});
    Tile indices = operand(Type::I8, {c, bytes});
    return {lhs, values, indices,
            operand(chance(2) ? Type::F32 : main, {r, c})};
  }
  case Opcode::RowMax:
    return {any({r, c}), any({r})};
  case Opcode::ExpSum:
  case Opcode::Scale:
  case Opcode::Softmax:
  case Opcode::LayerNorm: {
    std::vector<Tile> operands{any({r, c})};
    if (opcode == Opcode::LayerNorm) {
      operands.push_back(any({c}));
      operands.push_back(any({c}));
    } else if (opcode != Opcode::Softmax) {
      operands.push_back(any({r}));
    }
    operands.push_back(chance(3) ? operands[0] : any({r, c})); // in place
    if (opcode == Opcode::ExpSum)
      operands.push_back(any({r}));
    return operands;
  }
  case Opcode::Rescale: {
    Tile old = any({r}), next = any({r}), sum = any({r});
    return {old, next, sum, any({r, c})};
  }
  case Opcode::Mask:
  case Opcode::Fill:
    return {any({r, c})};
  case Opcode::Unary: {
    std::vector<int64_t> shape{r};
    if (!chance(3))
      shape.push_back(c);
    Tile source = any(shape);
    return {source, chance(3) ? source : any(shape)};
  }
  default: { // Elementwise
    Tile lhs = any({r, c}), rhs = chance(2) ? any({r, c}) : any({c});
    bool isVector = rhs.rank() == 1;
    int64_t where = below(4);
    return {lhs, rhs,
            where == 0                ? lhs
            : where == 1 && !isVector ? rhs
                                      : any({r, c})};
  }
  }
}

Affine RandomProgram::place() {
  Affine affine;
  affine.base = below(20);
  if (trips > 1)
    affine.steps.push_back({0, below(5)});
  return affine;
}

Program RandomProgram::build() {
  std::vector<Tile> operands;
  if (opcode == Opcode::Store) // loads and stores alone
    operand(chance(5) ? Type::I8 : main, {size(), size()});
  else
    operands = operandsOf();
  auto move = [&](const Made &one, bool isLoad) {
    for (int64_t slot = 0; slot < one.slots; ++slot) {
      Tile dram = b.tile(isLoad ? one.in : one.out);
      dram.offsets[0] = slot;
      dram.sizes[0] = 1;
      dram.dims.erase(dram.dims.begin());
      Tile pad = b.tile(one.buffer).slot(slot);
      if (isLoad)
        b.load(dram, pad, 0, {});
      else
        b.store(pad, dram, 0, {});
    }
  };
  for (const Made &one : made)
    move(one, true);
  b.barrier();
  LoopId loop = b.beginLoop(trips);
  if (opcode == Opcode::Gemm) {
    Instruction &i = b.gemm(Stationarity(below(3)), operands[0], operands[1],
                            operands[2], {});
    i.transposeLhs = left;
    i.transposeRhs = right;
    i.accumulate = chance(2);
    i.value = scalar();
  } else if (opcode == Opcode::NMGemm) {
    Instruction &i = b.nmGemm(Stationarity(below(3)), pattern, operands[0],
                              operands[1], operands[2], operands[3], {});
    i.accumulate = chance(2);
    i.value = scalar();
  } else if (opcode != Opcode::Store) {
    Instruction &i = b.special(opcode, operands, {});
    if (opcode == Opcode::RowMax || opcode == Opcode::ExpSum)
      i.accumulate = chance(2);
    if (opcode == Opcode::Scale)
      i.reciprocal = chance(2);
    i.unary = UnaryKind(below(countOf(UnaryKind())));
    i.binary = BinaryKind(below(countOf(BinaryKind())));
    if (opcode == Opcode::Softmax)
      i.value = scalar();
    if (opcode == Opcode::LayerNorm)
      i.value = chance(3) ? 1e-40f : 1e-5f;
    if (opcode == Opcode::Fill)
      i.value = oracle::decode(element(Type::F32), Type::F32);
    if (opcode == Opcode::Mask) {
      i.row = place();
      i.column = place();
      i.group = 1 + below(3);
      i.window = below(2) * below(6);
      i.keys = below(2) * below(24);
      i.causal = chance(2);
    }
  }
  b.endLoop(loop);
  b.barrier();
  for (const Made &one : made)
    move(one, false);
  Result<Program> program = b.finish();
  EXPECT_TRUE(program.ok()) << program.error().message;
  return program.ok() ? *program : Program();
}

int64_t numberFrom(const char *variable, int64_t otherwise) {
  const char *text = std::getenv(variable);
  return text ? std::atoll(text) : otherwise;
}

/// Runs both; the first element that differs, or nothing.
std::string differenceOf(const Program &program, const Device &device,
                         const std::vector<std::vector<uint8_t>> &contents,
                         int threads) {
  Result<Memory> memory = Memory::allocate(program);
  if (!memory)
    return memory.error().message;
  for (size_t t = 0; t < contents.size(); ++t)
    std::memcpy((*memory).data(t), contents[t].data(), contents[t].size());
  SimulatorOptions options;
  options.threads = threads;
  Result<SimulationResult> result = simulate(program, device, *memory, options);
  if (!result)
    return result.error().message;
  oracle::Interpreter interpreter(program, contents);
  interpreter.run();
  for (size_t t = 0; t < contents.size(); ++t) {
    int64_t width = typeBytes(program.tensors[t].type);
    const uint8_t *found = (*memory).data(t);
    const uint8_t *expected = interpreter.dram[t].data();
    for (size_t i = 0; i < contents[t].size(); i += size_t(width))
      if (std::memcmp(found + i, expected + i, size_t(width)) != 0) {
        uint32_t f = 0, e = 0;
        std::memcpy(&f, found + i, size_t(width));
        std::memcpy(&e, expected + i, size_t(width));
        char text[160];
        std::snprintf(text, sizeof(text),
                      "element %zu of '%s': found bits %x, expected %x",
                      i / size_t(width), program.tensors[t].name.c_str(), f, e);
        return text;
      }
  }
  return "";
}

/// One instruction alone, its operands loaded and stored whole.
class SingleInstruction {
public:
  SingleInstruction(const Program &from, const nlohmann::json &step,
                    const std::string &data)
      : instruction(from.code.at(step.at("instruction"))), step(step),
        data(data) {}

  /// The first operand that the oracle writes otherwise, or nothing.
  std::string check() {
    const auto &operands = step.at("operands");
    if (instruction.opcode == Opcode::Load ||
        instruction.opcode == Opcode::Store)
      return bytesOf(0, "in") == bytesOf(1, "out") ? "" : "copy";
    settle(instruction.row);
    settle(instruction.column);
    for (size_t i = 0; i != operands.size(); ++i)
      add(i, operands[i]);
    alone.code.push_back(instruction);
    for (size_t i = 0; i != operands.size(); ++i)
      move(i, false);
    alone.target.scratchpadBytes = address;
    oracle::Interpreter interpreter(alone, contents);
    interpreter.run();
    for (size_t i = 0; i != operands.size(); ++i)
      if (operands[i].contains("out") &&
          interpreter.dram[2 * i + 1] != bytesOf(i, "out"))
        return operands[i].at("name");
    return "";
  }

private:
  Instruction instruction;
  const nlohmann::json &step;
  const std::string &data;
  Program alone;
  std::vector<std::vector<uint8_t>> contents;
  int64_t address = 0;

  std::vector<int64_t> shapeOf(size_t i) const {
    return step.at("operands")[i].at("shape");
  }
  Type typeOf(size_t i) const {
    for (Type type : {Type::F32, Type::F16, Type::BF16, Type::I8})
      if (step.at("operands")[i].at("type") == isa::toString(type))
        return type;
    ADD_FAILURE() << "unknown type";
    return Type::F32;
  }
  std::vector<uint8_t> bytesOf(size_t i, const char *when) const {
    size_t count = size_t(numElements(shapeOf(i)) * typeBytes(typeOf(i)));
    const auto &operand = step.at("operands")[i];
    if (!operand.contains(when))
      return std::vector<uint8_t>(count);
    const char *at = data.data() + operand.at(when).get<size_t>();
    EXPECT_LE(at + count, data.data() + data.size());
    return std::vector<uint8_t>(at, at + count);
  }
  void settle(Affine &affine) const {
    for (auto [depth, by] : affine.steps)
      affine.base += by * step.at("counters")[depth].get<int64_t>();
    affine.steps.clear();
  }
  static Tile whole(Space space, size_t object,
                    const std::vector<int64_t> &shape) {
    Tile tile;
    tile.space = space;
    tile.object = static_cast<uint32_t>(object);
    for (size_t d = 0; d != shape.size(); ++d) {
      tile.sizes[d] = shape[d];
      tile.dims.push_back(static_cast<uint8_t>(d));
    }
    return tile;
  }
  void add(size_t i, const nlohmann::json &operand) {
    std::string name = std::to_string(i);
    alone.tensors.push_back(
        tensorOf("in" + name, Role::In, typeOf(i), shapeOf(i)));
    alone.tensors.push_back(
        tensorOf("out" + name, Role::Out, typeOf(i), shapeOf(i)));
    contents.push_back(bytesOf(i, "in"));
    contents.emplace_back(contents.back().size());
    alone.buffers.push_back({address, 1, typeOf(i), shapeOf(i)});
    address += int64_t(contents.back().size() + 7) / 8 * 8;
    instruction.operands[i] = whole(Space::Scratchpad, i, shapeOf(i));
    if (operand.contains("in"))
      move(i, true);
  }
  void move(size_t i, bool isLoad) {
    Instruction copy;
    copy.opcode = isLoad ? Opcode::Load : Opcode::Store;
    Tile pad = whole(Space::Scratchpad, i, shapeOf(i));
    Tile dram = whole(Space::Dram, 2 * i + (isLoad ? 0 : 1), shapeOf(i));
    copy.operands = isLoad ? std::vector{dram, pad} : std::vector{pad, dram};
    alone.code.push_back(copy);
  }
};

std::string contentOf(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

} // namespace

/// What was written of each instruction is what the page says of it, from what
/// was written of its operands.
TEST(Golden, EachStepIsAsTheInterpreterHasIt) {
  auto seed = static_cast<unsigned>(numberFrom("NM_STRESS_SEED", 1));
  std::string folder = ::testing::TempDir() + "golden" +
                       std::to_string(static_cast<long>(::getpid()));
  std::map<std::string, int> seen;
  for (size_t n = 0; n != 130; ++n) {
    SCOPED_TRACE("seed " + std::to_string(seed) + ", program " +
                 std::to_string(n));
    std::filesystem::remove_all(folder);
    std::filesystem::create_directory(folder);
    RandomProgram random(seed, n);
    Program program = random.build();
    ASSERT_FALSE(HasFailure());
    auto writer = GoldenWriter::create(folder, program, random.device);
    ASSERT_TRUE(writer.ok()) << writer.error().message;
    Result<Memory> memory = Memory::allocate(program);
    ASSERT_TRUE(memory.ok());
    auto contents = random.contents();
    for (size_t t = 0; t < contents.size(); ++t)
      std::memcpy((*memory).data(t), contents[t].data(), contents[t].size());
    SimulatorOptions options;
    options.observer = writer->get();
    Result<SimulationResult> result =
        simulate(program, random.device, *memory, options);
    ASSERT_TRUE(result.ok()) << result.error().message;
    EXPECT_FALSE(std::filesystem::exists(folder + "/steps.jsonl"));
    ASSERT_TRUE((*writer)->commit().ok());

    Result<Program> read =
        readJson(contentOf(folder + "/program.json"), "program.json");
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_TRUE(machine::readDevice(folder + "/device.json").ok());
    std::string data = contentOf(folder + "/data.bin");
    std::istringstream lines(contentOf(folder + "/steps.jsonl"));
    int64_t steps = 0;
    double end = 0;
    for (std::string line; std::getline(lines, line); ++steps) {
      auto step = nlohmann::json::parse(line);
      EXPECT_EQ(step.at("step"), steps);
      EXPECT_GE(step.at("end"), end);
      end = step.at("end");
      EXPECT_EQ(SingleInstruction(*read, step, data).check(), "") << line;
      ++seen[step.at("opcode")];
    }
    int64_t executed = 0;
    for (const EngineTime &engine : result->engines)
      executed += engine.instructions;
    EXPECT_EQ(steps, executed);
  }
  std::filesystem::remove_all(folder);
  for (Opcode opcode : kOpcodes)
    EXPECT_GT(seen[isa::toString(opcode)], 0) << isa::toString(opcode);
}

/// A full disk, or whatever the observer says, ends the run.
TEST(Golden, ErrorsEndTheRun) {
  struct Full : Observer {
    int64_t left = 3;
    Status executed(const Observation &) override {
      if (left-- > 0)
        return {};
      return support::makeError(support::Errc::Io, "the disk is full");
    }
  } full;
  RandomProgram random(1, 5);
  Program program = random.build();
  Result<Memory> memory = Memory::allocate(program);
  ASSERT_TRUE(memory.ok());
  SimulatorOptions options;
  options.observer = &full;
  auto result = simulate(program, random.device, *memory, options);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message, "the disk is full");
  EXPECT_FALSE(GoldenWriter::create("/nowhere", program, random.device).ok());
}

TEST(Interpreter, AgreesOnRandomPrograms) {
  auto seed = static_cast<unsigned>(numberFrom("NM_STRESS_SEED", 1));
  int64_t count = numberFrom("NM_STRESS_PROGRAMS", 390);
  int64_t wrong = 0;
  for (int64_t n = 0; n < count && wrong < 5; ++n) {
    RandomProgram random(seed, static_cast<size_t>(n));
    Program program = random.build();
    ASSERT_FALSE(HasFailure()) << "seed " << seed << ", program " << n;
    Result<VerifyResult> proof = verifyProgram(program);
    ASSERT_TRUE(proof.ok()) << "seed " << seed << ", program " << n << ": "
                            << proof.error().message << "\n"
                            << writeAssembly(program);
    std::string difference =
        differenceOf(program, random.device, random.contents(), 1 + int(n % 2));
    EXPECT_EQ(difference, "") << "seed " << seed << ", program " << n << "\n"
                              << writeAssembly(program);
    wrong += !difference.empty();
  }
  std::printf("%lld programs, seed %u: %lld wrong\n",
              static_cast<long long>(count), seed,
              static_cast<long long>(wrong));
}

/// Every f16 and bf16 through every function, into f32.
TEST(Interpreter, AgreesOnEveryOperandOfFunctions) {
  Device device = smallDevice();
  for (Type type : {Type::F16, Type::BF16})
    for (int kind = 0; kind < countOf(UnaryKind()); ++kind) {
      Builder b("functions", targetOf(device));
      TensorId in = b.tensor(tensorOf("x", Role::In, type, {256, 256}));
      TensorId out = b.tensor(tensorOf("y", Role::Out, Type::F32, {256, 256}));
      BufferId x = b.buffer(type, {256, 256}),
               y = b.buffer(Type::F32, {256, 256});
      b.load(b.tile(in), b.tile(x), 0, {});
      b.barrier();
      b.special(Opcode::Unary, {b.tile(x), b.tile(y)}, {}).unary =
          UnaryKind(kind);
      b.barrier();
      b.store(b.tile(y), b.tile(out), 0, {});
      Result<Program> program = b.finish();
      ASSERT_TRUE(program.ok()) << program.error().message;
      std::vector<uint8_t> content;
      for (uint32_t bits = 0; bits < 65536; ++bits) {
        content.push_back(static_cast<uint8_t>(bits));
        content.push_back(static_cast<uint8_t>(bits >> 8));
      }
      EXPECT_EQ(differenceOf(*program, device,
                             {content, std::vector<uint8_t>(4 * 65536)}, 1),
                "")
          << isa::toString(type) << " " << isa::toString(UnaryKind(kind));
    }
}
