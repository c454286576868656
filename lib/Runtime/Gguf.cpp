//===- Gguf.cpp - a GGUF file as a checkpoint -----------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// GGUF, versions 2 and 3, little endian: magic, version, counts, key-value
// pairs, descriptions of tensors, then their data from a multiple of
// `general.alignment` on. Dimensions are stored fastest first. Block formats of
// 32 elements, and those of 256 with scales of their own for 32 or 16, are
// decoded to f32 as ggml does.
//
//===----------------------------------------------------------------------===//

#include "CheckpointFormats.h"
#include "Memory.h"
#include "Support.h"
#include "Threads.h"
#include <algorithm>

namespace nm::rt {

namespace {
/// A type of ggml. `bytes` are those of a block; 0: known by name only.
struct GgmlType {
  uint32_t number;
  const char *name;
  DType dtype; ///< of the elements when read
  int64_t block, bytes;
};

enum : uint32_t {
  Q4_0 = 2,
  Q4_1 = 3,
  Q5_0 = 6,
  Q5_1 = 7,
  Q8_0 = 8,
  Q4_K = 12,
  Q5_K = 13,
  Q6_K = 14
};
} // namespace

static constexpr GgmlType kTypes[] = {
    {0, "F32", DType::F32, 1, 4},          {1, "F16", DType::F16, 1, 2},
    {Q4_0, "Q4_0", DType::F32, 32, 18},    {Q4_1, "Q4_1", DType::F32, 32, 20},
    {Q5_0, "Q5_0", DType::F32, 32, 22},    {Q5_1, "Q5_1", DType::F32, 32, 24},
    {Q8_0, "Q8_0", DType::F32, 32, 34},    {24, "I8", DType::I8, 1, 1},
    {25, "I16", DType::I16, 1, 2},         {26, "I32", DType::I32, 1, 4},
    {27, "I64", DType::I64, 1, 8},         {28, "F64", DType::F64, 1, 8},
    {30, "BF16", DType::BF16, 1, 2},       {9, "Q8_1", DType::Unknown, 1, 0},
    {10, "Q2_K", DType::Unknown, 1, 0},    {11, "Q3_K", DType::Unknown, 1, 0},
    {Q4_K, "Q4_K", DType::F32, 256, 144},  {Q5_K, "Q5_K", DType::F32, 256, 176},
    {Q6_K, "Q6_K", DType::F32, 256, 210},  {15, "Q8_K", DType::Unknown, 1, 0},
    {16, "IQ2_XXS", DType::Unknown, 1, 0}, {17, "IQ2_XS", DType::Unknown, 1, 0},
    {18, "IQ3_XXS", DType::Unknown, 1, 0}, {19, "IQ1_S", DType::Unknown, 1, 0},
    {20, "IQ4_NL", DType::Unknown, 1, 0},  {21, "IQ3_S", DType::Unknown, 1, 0},
    {22, "IQ2_S", DType::Unknown, 1, 0},   {23, "IQ4_XS", DType::Unknown, 1, 0},
    {29, "IQ1_M", DType::Unknown, 1, 0},   {34, "TQ1_0", DType::Unknown, 1, 0},
    {35, "TQ2_0", DType::Unknown, 1, 0},   {39, "MXFP4", DType::Unknown, 1, 0},
};

namespace {
/// Reads the head of a file from its beginning. After a failure all that is
/// read is 0, and `failed` says so.
class Cursor {
public:
  Cursor(const unsigned char *data, uint64_t size) : data(data), size(size) {}

  template <typename T> T number() {
    const unsigned char *at = take(sizeof(T));
    return at ? loadUnaligned<T>(at) : T();
  }
  std::string_view text() {
    uint64_t length = number<uint64_t>();
    const unsigned char *at = take(length);
    return at ? std::string_view(reinterpret_cast<const char *>(at), length)
              : std::string_view();
  }
  const unsigned char *take(uint64_t bytes) {
    if (bytes > size - place) {
      failed = true;
      place = size;
      return nullptr;
    }
    place += bytes;
    return data + place - bytes;
  }

  uint64_t place = 0;
  bool failed = false;

private:
  const unsigned char *data;
  uint64_t size;
};

class GgufCheckpoint final : public Checkpoint {
public:
  GgufCheckpoint(const std::string &path, FileImage fileImage)
      : Checkpoint(path, Format::Gguf), image(std::move(fileImage)) {
    identities.push_back(image.identity);
  }

  Status finish();

protected:
  Result<LoadedTensor> readIndex(size_t index) const override;

private:
  struct Stored {
    TensorInfo info;
    uint64_t begin = 0;
    const GgmlType *type = nullptr;
  };

  FileImage image;
  uint64_t alignment = 32;
  std::vector<Stored> stored;

  Status readValue(Cursor &cursor, std::string_view key);
  Status readTensor(Cursor &cursor);
  Status placeTensor(Stored &tensor, uint64_t dataBegin) const;
  Error cut(const char *what) const {
    return makeError(Errc::Format, path(), ": ends within ", what);
  }
};
} // namespace

/// Bytes of a value that is neither text nor an array; 0: there is no such.
static uint64_t scalarBytes(uint32_t kind) {
  static constexpr uint8_t kBytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return kind < sizeof(kBytes) ? kBytes[kind] : 0;
}

Status GgufCheckpoint::readValue(Cursor &cursor, std::string_view key) {
  constexpr uint32_t kUint32 = 4, kText = 8, kArray = 9;
  uint32_t kind = cursor.number<uint32_t>();
  if (kind == kText) {
    std::string_view text = cursor.text();
    constexpr size_t maxText = 65536; // more is a template or a vocabulary
    if (text.size() <= maxText)
      texts.emplace_back(key, text);
    return {};
  }
  if (kind == kArray) {
    uint32_t inner = cursor.number<uint32_t>();
    uint64_t count = cursor.number<uint64_t>(), bytes = scalarBytes(inner);
    if (inner == kText) {
      for (uint64_t i = 0; i < count && !cursor.failed; ++i)
        cursor.text();
      return {};
    }
    if (bytes == 0)
      return makeError(Errc::Format, path(), ": key ", quote(key),
                       " is an array of kind ", inner,
                       ", expected numbers or texts");
    if (count > image.size / bytes)
      return cut("an array of its head");
    cursor.take(count * bytes);
    return {};
  }
  uint64_t bytes = scalarBytes(kind);
  if (bytes == 0)
    return makeError(Errc::Format, path(), ": key ", quote(key),
                     " has values of kind ", kind, ", expected 0 to 12");
  const unsigned char *at = cursor.take(bytes);
  if (!at || key != "general.alignment")
    return {};
  alignment = kind == kUint32 ? loadUnaligned<uint32_t>(at) : 0;
  if (alignment == 0 || (alignment & (alignment - 1)) != 0)
    return makeError(Errc::Format, path(), ": 'general.alignment' is ",
                     alignment, ", expected a power of two");
  return {};
}

Status GgufCheckpoint::readTensor(Cursor &cursor) {
  Stored tensor;
  tensor.info.name = cursor.text();
  if (!isUtf8(tensor.info.name))
    return makeError(Errc::Format, path(), ": the name of tensor ",
                     stored.size(), ", ", quote(tensor.info.name),
                     ", is not UTF-8");
  uint32_t rank = cursor.number<uint32_t>();
  if (rank > kMaxRank)
    return makeError(Errc::Format, path(), ": tensor ", quote(tensor.info.name),
                     " has ", rank, " dimensions, expected at most ", kMaxRank);
  for (uint32_t d = 0; d < rank; ++d)
    tensor.info.shape.push_back(int64_t(cursor.number<uint64_t>()));
  std::reverse(tensor.info.shape.begin(), tensor.info.shape.end());
  uint32_t number = cursor.number<uint32_t>();
  tensor.begin = cursor.number<uint64_t>();
  tensor.info.dtypeText = "type " + std::to_string(number) + " of ggml";
  for (const GgmlType &type : kTypes)
    if (type.number == number) {
      tensor.type = &type;
      tensor.info.dtype = type.dtype;
      tensor.info.dtypeText = type.name;
    }
  stored.push_back(std::move(tensor));
  return {};
}

/// Checks that the data of a tensor lies in the file; `begin` becomes its
/// offset there. What is wrong with one tensor alone is a note.
Status GgufCheckpoint::placeTensor(Stored &tensor, uint64_t dataBegin) const {
  auto note = [&](auto &&...parts) {
    tensor.info.note = makeError(Errc::Format, parts...).message;
    return Status();
  };
  const std::vector<int64_t> &shape = tensor.info.shape;
  Result<int64_t> count = checkedCount(shape, 8);
  if (!count)
    return makeError(Errc::Format, path(), ": tensor ", quote(tensor.info.name),
                     ": ", count.error().message);
  if (!tensor.type || tensor.type->bytes == 0)
    return note("its blocks of ", tensor.info.dtypeText,
                " are not supported; convert it to F16, Q8_0 or Q4_0 with "
                "llama-quantize --allow-requantize, or take the safetensors "
                "that it was made from");
  const GgmlType &type = *tensor.type;
  int64_t row = shape.empty() ? 1 : shape.back();
  if (row % type.block != 0)
    return note("its rows of ", row, " elements are not whole blocks of ",
                type.block, " of ", type.name);
  if (tensor.begin % alignment != 0)
    return note("it begins at ", tensor.begin, ", expected a multiple of ",
                alignment);
  uint64_t bytes = uint64_t(*count / type.block) * uint64_t(type.bytes);
  uint64_t has = image.size - dataBegin;
  if (tensor.begin > has || bytes > has - tensor.begin)
    return makeError(Errc::Format, path(), ": tensor ", quote(tensor.info.name),
                     " has ", bytes, " bytes from byte ", tensor.begin,
                     " of the data on, but ", "there are ", has,
                     ": the file is cut off");
  tensor.begin += dataBegin;
  if (type.block != 1) {
    tensor.info.storage = TensorInfo::Storage::Quantized;
    tensor.info.stored = std::string(type.name) + " of ggml";
  }
  return {};
}

Status GgufCheckpoint::finish() {
  Cursor cursor(image.data, image.size);
  cursor.take(4);
  uint32_t version = cursor.number<uint32_t>();
  if (version != 2 && version != 3)
    return makeError(Errc::Unsupported, path(), ": GGUF of version ", version,
                     (version & 0xffff) == 0 && version != 0 ? ", or big-endian"
                                                             : "",
                     ", expected 2 or 3, little-endian");
  uint64_t tensors = cursor.number<uint64_t>();
  uint64_t pairs = cursor.number<uint64_t>();
  for (uint64_t i = 0; i < pairs && !cursor.failed; ++i) {
    std::string_view key = cursor.text();
    if (!cursor.failed)
      NM_RETURN_IF_ERROR(readValue(cursor, key));
  }
  for (uint64_t i = 0; i < tensors && !cursor.failed; ++i)
    NM_RETURN_IF_ERROR(readTensor(cursor));
  if (cursor.failed)
    return cut("its head");
  uint64_t begin = ceilDiv(cursor.place, alignment) * alignment;
  begin = std::min(begin, image.size); // no padding where there is no data
  for (Stored &tensor : stored)
    NM_RETURN_IF_ERROR(placeTensor(tensor, begin));
  return setStored(stored);
}

/// Decodes a block of 32 elements. Scale (and minimum) are f16; then, for 5
/// bits, the elements' fifth bits, one a bit; then nibbles, those of the first
/// 16 elements low.
static void decodeBlock(const GgmlType &type, const unsigned char *block,
                        float *out) {
  float scale = f16ToFloat(loadUnaligned<uint16_t>(block));
  if (type.number == Q8_0) {
    for (int i = 0; i < 32; ++i)
      out[i] = float(static_cast<int8_t>(block[2 + i])) * scale;
    return;
  }
  bool hasMinimum = type.number == Q4_1 || type.number == Q5_1;
  bool five = type.number == Q5_0 || type.number == Q5_1;
  const unsigned char *at = block + 2;
  float minimum = 0;
  if (hasMinimum) {
    minimum = f16ToFloat(loadUnaligned<uint16_t>(at));
    at += 2;
  }
  uint32_t fifth = 0;
  if (five) {
    fifth = loadUnaligned<uint32_t>(at);
    at += 4;
  }
  int offset = hasMinimum ? 0 : five ? 16 : 8;
  for (int i = 0; i < 32; ++i) {
    int value =
        (i < 16 ? at[i] & 15 : at[i - 16] >> 4) | int((fifth >> i & 1) << 4);
    float product = scale * float(value - offset);
    out[i] = hasMinimum ? product + minimum : product;
  }
}

/// The 6-bit scale or minimum `index`, 0 to 7, among 12 bytes: four of either,
/// then low halves of the others, whose upper bits the first have.
static int sixBits(const unsigned char *packed, int index, bool isMinimum) {
  int first = isMinimum ? 4 : 0;
  if (index < 4)
    return packed[index + first] & 63;
  int low = isMinimum ? packed[index + 4] >> 4 : packed[index + 4] & 15;
  return low | packed[index - 4 + first] >> 6 << 4;
}

/// Decodes 256 elements of Q4_K or Q5_K: scale and factor of the minima in f16,
/// 12 bytes of 6-bit scales and minima of 32 elements each, of Q5_K 32 bytes of
/// fifth bits, then nibbles, those of the first 32 of every 64 elements low.
static void decodeMinima(bool five, const unsigned char *block, float *out) {
  float d = f16ToFloat(loadUnaligned<uint16_t>(block));
  float dmin = f16ToFloat(loadUnaligned<uint16_t>(block + 2));
  const unsigned char *packed = block + 4, *fifth = block + 16,
                      *nibbles = block + (five ? 48 : 16);
  for (int g = 0; g < 8; ++g) {
    float scale = d * float(sixBits(packed, g, false));
    float minimum = dmin * float(sixBits(packed, g, true));
    for (int i = 0; i < 32; ++i) {
      unsigned char pair = nibbles[g / 2 * 32 + i];
      int value = g % 2 == 0 ? pair & 15 : pair >> 4;
      if (five)
        value |= (fifth[i] >> g & 1) << 4;
      float product = scale * float(value);
      out[g * 32 + i] = product - minimum;
    }
  }
}

/// Decodes 256 elements of Q6_K: 128 bytes of low nibbles, 64 of pairs of upper
/// bits, 16 scales of i8 for 16 elements each, their scale in f16.
static void decodeSixBits(const unsigned char *block, float *out) {
  const unsigned char *low = block, *high = block + 128, *scales = block + 192;
  float d = f16ToFloat(loadUnaligned<uint16_t>(block + 208));
  for (int i = 0; i < 256; ++i) {
    // Halves of 128 elements, quarters of 32 of those.
    int half = i / 128, quarter = i / 32 % 4, at = i % 32;
    unsigned char pair = low[half * 64 + quarter % 2 * 32 + at];
    int value = quarter < 2 ? pair & 15 : pair >> 4;
    value |= (high[half * 32 + at] >> (2 * quarter) & 3) << 4;
    float scale = d * float(static_cast<int8_t>(scales[i / 16]));
    out[i] = scale * float(value - 32);
  }
}

static void decode(const GgmlType &type, const unsigned char *block,
                   float *out) {
  if (type.number == Q4_K || type.number == Q5_K)
    return decodeMinima(type.number == Q5_K, block, out);
  if (type.number == Q6_K)
    return decodeSixBits(block, out);
  decodeBlock(type, block, out);
}

Result<LoadedTensor> GgufCheckpoint::readIndex(size_t index) const {
  const Stored &tensor = stored[index];
  const GgmlType &type = *tensor.type;
  const unsigned char *from = image.data + tensor.begin;
  LoadedTensor loaded;
  if (type.block == 1) {
    loaded.tensor = {denseView(from, type.dtype, tensor.info.shape),
                     image.owner};
    return loaded;
  }
  int64_t count = *checkedCount(tensor.info.shape);
  int64_t blocks = count / type.block;
  std::shared_ptr<unsigned char> buffer = allocateBuffer(uint64_t(count * 4));
  float *to = reinterpret_cast<float *>(buffer.get());
  int threads = threadsFor(blocks, count * 4);
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t b = 0; b < blocks; ++b)
    decode(type, from + b * type.bytes, to + b * type.block);
  loaded.tensor.view = denseView(to, DType::F32, tensor.info.shape);
  loaded.tensor.owner = std::move(buffer);
  return loaded;
}

Result<CheckpointPtr> openGguf(const std::string &path, FileImage image) {
  auto checkpoint = std::make_shared<GgufCheckpoint>(path, std::move(image));
  NM_RETURN_IF_ERROR(checkpoint->finish());
  return CheckpointPtr(std::move(checkpoint));
}

} // namespace nm::rt
