//===- MutatedCheckpointsTest.cpp - damaged checkpoints -------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Checkpoints of every format with random damage that knows the format: numbers
// and strings of headers, fields of zip directories, opcodes of pickles, masks
// and indices, and plain bytes. Whatever is left must open, inspect and load
// with one clear message or with tensors that lie within the file: no crash, no
// hang, no allocation that the file does not justify.
//   NM_STRESS_COUNT  checkpoints a format (default 60)
//   NM_STRESS_SEED   default 1; printed with a failure
//
//===----------------------------------------------------------------------===//

#include "TorchFile.h"
#include "nm/Runtime/Inspect.h"
#include "nm/Runtime/Params.h"
#include <chrono>
#include <cstdlib>
#include <sys/resource.h>

using namespace nm::rt;
using namespace nm::rt::test;
using Format = Checkpoint::Format;

namespace {

uint64_t setting(const char *name, uint64_t fallback) {
  const char *value = std::getenv(name);
  return value ? std::strtoull(value, nullptr, 10) : fallback;
}

/// Damage, all from one generator.
class Mutator {
public:
  explicit Mutator(uint64_t seed) : rng(seed) {}

  size_t below(size_t n) { return n ? size_t(rng() % n) : 0; }
  template <typename T> const T &pick(const std::vector<T> &list) {
    return list[below(list.size())];
  }

  std::string number() {
    return pick<std::string>({"0",
                              "1",
                              "2",
                              "3",
                              "7",
                              "8",
                              "16",
                              "-1",
                              "127",
                              "4294967295",
                              "2147483648",
                              "9223372036854775807",
                              "9223372036854775808",
                              "18446744073709551615",
                              "18446744073709551616",
                              "1.5",
                              "1e400",
                              "-0",
                              "null",
                              "true",
                              "[]",
                              "{}",
                              "\"8\""});
  }
  std::string word() {
    return pick<std::string>({"F32",
                              "F64",
                              "BF16",
                              "U8",
                              "I64",
                              "BOOL",
                              "F4",
                              "",
                              "a.weight",
                              "a.weight_mask",
                              "c.shape",
                              "c.compressed",
                              "c.bitmask",
                              "d.row_offsets",
                              "__metadata__",
                              "dtype",
                              "shape",
                              "data_offsets",
                              "<f4",
                              ">f8",
                              "|b1",
                              "O",
                              "a.safetensors",
                              "../a.safetensors",
                              "/etc/passwd",
                              "sub/b.safetensors",
                              "weight_map",
                              "\\u0000",
                              "\\ud800",
                              std::string(300, 'x')});
  }

  /// Plain bytes.
  void bytes(std::string &text) {
    switch (below(7)) {
    case 0:
      if (!text.empty())
        text[below(text.size())] ^= char(1 << below(8));
      break;
    case 1:
      text.resize(below(text.size() + 1));
      break;
    case 2:
      text.append(1 + below(40), char(rng()));
      break;
    case 3: {
      size_t at = below(text.size() + 1), length = below(24);
      text.insert(at, text.substr(below(text.size() + 1), length));
      break;
    }
    case 4:
      text.erase(below(text.size() + 1), below(24));
      break;
    default: {
      static const uint64_t extremes[] = {
          0,        1,          UINT64_MAX,        INT64_MAX,
          1u << 31, UINT32_MAX, uint64_t(1) << 62, 100000001};
      uint64_t value = extremes[below(std::size(extremes))];
      size_t width = size_t(1) << below(4);
      if (text.size() >= width)
        std::memcpy(&text[below(text.size() - width + 1)], &value, width);
    }
    }
  }

  /// A number, a string or a piece of punctuation of a text.
  void token(std::string &text) {
    if (text.empty())
      return;
    size_t at = below(text.size());
    auto isDigit = [&](size_t i) { return text[i] >= '0' && text[i] <= '9'; };
    for (size_t i = at; i < text.size(); ++i) {
      if (isDigit(i)) {
        size_t end = i;
        while (end < text.size() && isDigit(end))
          ++end;
        text.replace(i, end - i, number());
        return;
      }
      if ((text[i] == '"' || text[i] == '\'') && below(2)) {
        size_t end = text.find(text[i], i + 1);
        if (end == std::string::npos)
          return;
        text.replace(i + 1, end - i - 1, word());
        return;
      }
      if (below(24) == 0) {
        text[i] = pick<char>({'{', '}', '[', ']', ',', ':', '"', ' ', '0'});
        return;
      }
    }
  }

  /// A field of a zip archive's directory or of a local header.
  void zipField(std::string &text) {
    std::vector<size_t> places;
    for (const char *mark : {"PK\x01\x02", "PK\x03\x04", "PK\x05\x06"})
      for (size_t at = text.find(mark, 0, 4); at != std::string::npos;
           at = text.find(mark, at + 1, 4))
        places.push_back(at);
    if (places.empty())
      return bytes(text);
    size_t at = pick(places) + 4 + 2 * below(22);
    static const uint32_t values[] = {0,      1,          2,          8, 99,
                                      0xffff, 0x7fffffff, 0xffffffff, 64};
    uint32_t value = values[below(std::size(values))];
    size_t width = below(2) ? 2 : 4;
    if (at + width <= text.size())
      std::memcpy(&text[at], &value, width);
  }

  /// An opcode, or an operand, of a pickle.
  void pickle(std::string &text) {
    static const std::string codes = "().0123KMJXqhrj]}{tsuaebRQcNGIl\x81\x85"
                                     "\x86\x87\x88\x89\x8a\x8c\x93\x94";
    if (text.empty())
      return;
    size_t at = below(text.size());
    switch (below(4)) {
    case 0:
      text[at] = codes[below(codes.size())];
      break;
    case 1:
      text.insert(at, 1, codes[below(codes.size())]);
      break;
    case 2:
      text.erase(at, 1 + below(3));
      break;
    default:
      bytes(text);
    }
  }

  std::mt19937_64 rng;
};

/// A safetensors header and its data, open to damage.
struct Parts {
  std::string header, data;

  void add(const std::string &name, const char *dtype, const std::string &shape,
           const std::string &bytes) {
    header += (header.empty() ? "{\"" : ",\"") + name + "\":{\"dtype\":\"" +
              dtype + "\",\"shape\":[" + shape + "],\"data_offsets\":[" +
              std::to_string(data.size()) + "," +
              std::to_string(data.size() + bytes.size()) + "]}";
    data += bytes;
  }
};

class MutatedCheckpoints : public TempDir {
protected:
  void SetUp() override {
    TempDir::SetUp();
    for (int i = 0; i < 128; ++i)
      weight.push_back(i % 4 < 2 ? float(i + 1) : 0);
  }

  /// Weights with masks of each kind, both compressed forms, tied names.
  Parts seed() const {
    Parts parts;
    parts.add("a.weight", "F32", "8,16", bytesOf(weight));
    parts.add("a.weight_mask", "U8", "8,2", std::string(16, 0x33));
    parts.add("b.weight_orig", "F32", "8,16", bytesOf(weight));
    parts.add("b.weight_mask", "BOOL", "8,16",
              std::string(64, '\1') + std::string(64, '\0'));
    parts.add("e.__weight_mma_mask", "U8", "16", std::string(16, 0x33));
    parts.add("e.weight", "F32", "8,16", bytesOf(weight));
    parts.add("c.shape", "I64", "2,1", littleEndian(4) + littleEndian(8));
    parts.add("c.compressed", "F32", "4,4", bytesOf(weight).substr(0, 64));
    parts.add("c.bitmask", "U8", "4,1", std::string(4, 0x33));
    parts.add("d.shape", "I64", "3",
              littleEndian(2) + littleEndian(2) + littleEndian(8));
    parts.add("d.compressed", "F32", "8", bytesOf(weight).substr(0, 32));
    parts.add("d.bitmask", "U8", "2,2,1", std::string(4, 0x03));
    parts.add("d.row_offsets", "I64", "2,2", std::string(32, '\0'));
    parts.add("f.parametrizations.weight.original", "BF16", "4",
              std::string(8, 1));
    parts.add("f.parametrizations.weight.0.mask", "F32", "4",
              std::string(16, '\0'));
    parts.header += ",\"__metadata__\":{\"tied\":\"a.weight\"}}";
    return parts;
  }

  std::string image(Mutator &mutate, int damage) const {
    Parts parts = seed();
    for (int i = 0; i < damage; ++i) {
      switch (mutate.below(5)) {
      case 0:
        mutate.bytes(parts.data);
        break;
      case 1: { // masks, offsets and shapes by themselves
        uint64_t value = mutate.rng();
        size_t at = mutate.below(parts.data.size() - 7);
        if (parts.data.size() >= 8)
          std::memcpy(&parts.data[at], &value, 1 + mutate.below(8));
        break;
      }
      default:
        mutate.token(parts.header);
      }
      if (parts.data.size() < 8)
        parts.data.resize(8);
    }
    std::string whole = safetensors(parts.header, parts.data);
    if (damage && mutate.below(6) == 0)
      mutate.bytes(whole);
    return whole;
  }

  std::string npyImage(Mutator &mutate, int damage) const {
    std::string dict = "{'descr': '<f4', 'fortran_order': True, 'shape': "
                       "(8, 16), }   \n";
    for (int i = 0; i < damage; ++i)
      mutate.token(dict);
    int version = damage && mutate.below(2) ? int(mutate.below(5)) : 1;
    std::string whole = npy(dict, bytesOf(weight), version);
    if (damage && mutate.below(3) == 0)
      mutate.bytes(whole);
    return whole;
  }

  std::string npzImage(Mutator &mutate, int damage) {
    std::string first = npyImage(mutate, damage > 1 ? 1 : 0);
    std::string whole = zipBytes(
        file("seed.npz"),
        {{"a.weight.npy", first, true},
         {"b.npy", npyImage(mutate, 0), false},
         {"a.weight_mask.npy",
          npy("{'descr': '|u1', 'fortran_order': False, 'shape': (16,)}",
              std::string(16, 0x33)),
          false}});
    for (int i = 0; i < damage; ++i)
      mutate.below(3) ? mutate.zipField(whole) : mutate.bytes(whole);
    return whole;
  }

  /// The objects of a file of torch.save.
  PickleText torchObjects() {
    PickleText pickle;
    pickle.raw("}(");
    pickle.text("a.weight")
        .tensor("FloatStorage", "0", 128, 0, {8, 16}, {16, 1});
    pickle.text("a.weight_mask")
        .tensor("ByteStorage", "1", 16, 0, {8, 2}, {2, 1});
    pickle.text("t").tensor("FloatStorage", "0", 128, 0, {16, 8}, {1, 16});
    pickle.raw("u.");
    return pickle;
  }

  /// The file that `wrap` makes of the objects: damage is in them, or `harm`
  /// does it to the file.
  template <typename Wrap, typename Harm>
  std::string damaged(Mutator &mutate, int damage, Wrap wrap, Harm harm) {
    std::string objects = torchObjects().bytes;
    bool inside = mutate.below(3) != 0;
    for (int i = 0; inside && i < damage; ++i)
      mutate.pickle(objects);
    std::string whole = wrap(objects);
    for (int i = 0; !inside && i < damage; ++i)
      harm(whole);
    return whole;
  }

  /// The form from before PyTorch 1.6.
  std::string torchLegacyImage(Mutator &mutate, int damage) {
    return damaged(
        mutate, damage,
        [&](const std::string &objects) {
          return legacyTorchBytes(objects, {{"0", bytesOf(weight), 128},
                                            {"1", std::string(16, 0x33), 16}});
        },
        [&](std::string &whole) {
          mutate.below(2) ? mutate.pickle(whole) : mutate.bytes(whole);
        });
  }

  std::string torchImage(Mutator &mutate, int damage) {
    return damaged(
        mutate, damage,
        [&](const std::string &objects) {
          return zipBytes(file("seed.pt"),
                          {{"m/data.pkl", objects},
                           {"m/data/0", bytesOf(weight)},
                           {"m/data/1", std::string(16, 0x33), true},
                           {"m/version", "3\n"}});
        },
        [&](std::string &whole) {
          mutate.below(3) ? mutate.zipField(whole) : mutate.bytes(whole);
        });
  }

  /// One clear message: a line that ends without a period, of a kind that says
  /// something about the file.
  template <typename R> void expectClear(const R &result) {
    if (result.ok())
      return;
    const Error &error = result.error();
    EXPECT_FALSE(error.message.empty());
    EXPECT_EQ(error.message.find('\n'), std::string::npos) << error.message;
    EXPECT_EQ(error.message.find('\0'), std::string::npos) << error.message;
    EXPECT_FALSE(!error.message.empty() && error.message.back() == '.')
        << error.message;
    EXPECT_TRUE(error.code != Errc::Internal && error.code != Errc::Memory)
        << error.message;
  }

  /// Opens, inspects, reads and loads a file. Returns how many tensors were
  /// read.
  size_t use(const std::string &path) {
    Result<CheckpointPtr> checkpoint = Checkpoint::open(path);
    expectClear(checkpoint);
    if (!checkpoint)
      return 0;
    size_t reads = 0;
    volatile unsigned char sum = 0;
    for (const TensorInfo &info : (*checkpoint)->tensors()) {
      Result<LoadedTensor> loaded = (*checkpoint)->read(info.name);
      expectClear(loaded);
      if (!loaded)
        continue;
      EXPECT_EQ(loaded->tensor.view.shape, info.shape);
      Result<Tensor> row = toContiguous(loaded->tensor);
      expectClear(row);
      if (!row)
        continue;
      for (int64_t i = 0; i < row->view.bytes(); ++i)
        sum = static_cast<unsigned char>(sum + row->view.data[i]);
      ++reads;
      for (BitOrder order : {BitOrder::LsbFirst, BitOrder::MsbFirst}) {
        MaskOptions options;
        options.bitOrder = order;
        expectClear(readWeight(**checkpoint, info.name, options));
      }
    }
    Result<std::vector<InspectRow>> rows = inspect(**checkpoint);
    expectClear(rows);
    if (rows) {
      EXPECT_FALSE(formatTable(*rows).empty());
      EXPECT_FALSE(formatJson(*rows).empty());
    }
    Manifest manifest{{{"",
                        "a.weight",
                        {8, 16},
                        DType::F32,
                        PatternSpec{2, 4, 1},
                        LayoutSpec::canonical()}}};
    for (MaskPolicy policy : {MaskPolicy::IfPresent, MaskPolicy::Derive}) {
      ParamsOptions options;
      options.mask.policy = policy;
      expectClear(Params::load(manifest, {{"", path}}, options));
    }
    return reads;
  }

  /// Runs `make` for undamaged and for damaged files.
  template <typename Make> void run(const std::string &name, Make make) {
    uint64_t seed = setting("NM_STRESS_SEED", 1);
    uint64_t count = setting("NM_STRESS_COUNT", 200);
    auto begin = std::chrono::steady_clock::now();
    for (uint64_t i = 0; i <= count; ++i) {
      SCOPED_TRACE("NM_STRESS_SEED=" + std::to_string(seed) + ", number " +
                   std::to_string(i));
      Mutator mutate(seed * 1000003 + i);
      int damage = i == 0 ? 0 : 1 + int(mutate.below(3));
      size_t reads = use(write(name, make(mutate, damage)));
      if (i == 0)
        EXPECT_NE(reads, 0u) << "the undamaged file";
      if (HasFailure()) {
        std::filesystem::copy_file(
            file(name), "/tmp/nm-mutated-" + name,
            std::filesystem::copy_options::overwrite_existing);
        break;
      }
    }
    std::chrono::duration<double> spent =
        std::chrono::steady_clock::now() - begin;
    EXPECT_LT(spent.count(), 5 + 0.2 * double(count)) << "seconds";
  }

  std::vector<float> weight;
};

/// Memory beyond what any of these files can ask for fails, and is a failure of
/// the test (Errc::Memory). The sanitizers need more than they use.
void limitMemory() {
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
  return;
#endif
#endif
#if !defined(__SANITIZE_ADDRESS__)
  rlimit limit{};
  getrlimit(RLIMIT_AS, &limit);
  limit.rlim_cur = rlim_t(4) << 30;
  setrlimit(RLIMIT_AS, &limit);
#endif
}

} // namespace

TEST_F(MutatedCheckpoints, Safetensors) {
  limitMemory();
  run("m.safetensors",
      [&](Mutator &mutate, int damage) { return image(mutate, damage); });
}

TEST_F(MutatedCheckpoints, Index) {
  limitMemory();
  std::filesystem::create_directory(file("sub"));
  run("model.safetensors.index.json", [&](Mutator &mutate, int damage) {
    int inIndex = damage ? int(mutate.below(size_t(damage) + 1)) : 0;
    write("a.safetensors", image(mutate, damage - inIndex));
    write("sub/b.safetensors", image(mutate, 0));
    std::string text = "{\"metadata\": {\"total_size\": 1}, \"weight_map\": {"
                       "\"a.weight\": \"a.safetensors\", \"a.weight_mask\": "
                       "\"a.safetensors\", \"c.shape\": \"a.safetensors\", "
                       "\"c.compressed\": \"a.safetensors\", \"c.bitmask\": "
                       "\"sub/b.safetensors\"}}";
    for (int i = 0; i < inIndex; ++i)
      mutate.below(4) ? mutate.token(text) : mutate.bytes(text);
    return text;
  });
}

TEST_F(MutatedCheckpoints, Npy) {
  limitMemory();
  run("m.npy",
      [&](Mutator &mutate, int damage) { return npyImage(mutate, damage); });
}

TEST_F(MutatedCheckpoints, Npz) {
  limitMemory();
  run("m.npz",
      [&](Mutator &mutate, int damage) { return npzImage(mutate, damage); });
}

TEST_F(MutatedCheckpoints, TorchLegacy) {
  limitMemory();
  run("m.pt", [&](Mutator &mutate, int damage) {
    return torchLegacyImage(mutate, damage);
  });
}

TEST_F(MutatedCheckpoints, Torch) {
  limitMemory();
  run("m.pt",
      [&](Mutator &mutate, int damage) { return torchImage(mutate, damage); });
}
