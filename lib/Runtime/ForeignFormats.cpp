//===- ForeignFormats.cpp - files that are no checkpoints -----------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ForeignFormats.h"
#include "Support.h"
#include <algorithm>

namespace nm::rt {

namespace {
/// Bytes at a fixed place that only one kind of file has.
struct Magic {
  uint64_t offset;
  std::string_view bytes;
  const char *what;
};
} // namespace

using namespace std::string_view_literals;

/// Ends in what to do, where there is something.
static constexpr const char *kToSafetensors =
    "; load it where it was made and write the tensors with "
    "safetensors.torch.save_file, or numpy.savez";

static constexpr Magic kMagics[] = {
    {0, "version https://git-lfs.github.com/spec/"sv,
     "a pointer of Git LFS, not the file itself; fetch it with 'git lfs pull'"},
    {0, "ggml"sv, "a GGML file of llama.cpp; take the file it was made from"},
    {0, "lmgg"sv, "a GGML file of llama.cpp; take the file it was made from"},
    {0, "\x89HDF\r\n\x1a\n"sv,
     "an HDF5 file (Keras, h5py); read it with h5py and write its arrays with "
     "numpy.savez"},
    {4, "TFL3"sv, "a TensorFlow Lite model, not a checkpoint"},
    {0, "ML\xefR"sv,
     "MLIR bytecode, a model and not its checkpoint; run it with nm-run FILE"},
    {0, "\x1f\x8b"sv, "compressed by gzip; unpack it with gunzip"},
    {0, "\x28\xb5\x2f\xfd"sv, "compressed by zstd; unpack it with unzstd"},
    {0,
     "\xfd"
     "7zXZ\0"sv,
     "compressed by xz; unpack it with unxz"},
    {0, "BZh"sv, "compressed by bzip2; unpack it with bunzip2"},
    {0, "7z\xbc\xaf\x27\x1c"sv, "a 7z archive; unpack it first"},
    {0, "Rar!"sv, "a RAR archive; unpack it first"},
    {257, "ustar"sv, "a tar archive; unpack it with tar -xf"},
    {0,
     "\x7f"
     "ELF"sv,
     "an executable or a library, not a checkpoint"},
    {0, "%PDF"sv, "a PDF document, not a checkpoint"},
    {0, "\x89PNG"sv, "a picture, not a checkpoint"},
};

/// Text without what may stand before it, in lower case, as much as is looked
/// at.
static std::string beginningOfText(const unsigned char *data, uint64_t size) {
  std::string_view all(reinterpret_cast<const char *>(data),
                       std::min<uint64_t>(size, 4096));
  if (all.substr(0, 3) == "\xef\xbb\xbf")
    all.remove_prefix(3);
  size_t start = all.find_first_not_of(" \t\r\n");
  std::string text(start == std::string_view::npos ? "" : all.substr(start));
  for (char &c : text)
    if (c >= 'A' && c <= 'Z')
      c = char(c - 'A' + 'a');
  return text;
}

static bool startsWith(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

/// Whether all of it could have been typed.
static bool isText(std::string_view text) {
  return !text.empty() && std::none_of(text.begin(), text.end(), [](char c) {
    unsigned char byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\n' && c != '\r' && c != '\t') || byte == 0x7f;
  });
}

std::string nameForeignFormat(const unsigned char *data, uint64_t size) {
  for (const Magic &magic : kMagics)
    if (size >= magic.offset + magic.bytes.size() &&
        std::memcmp(data + magic.offset, magic.bytes.data(),
                    magic.bytes.size()) == 0)
      return magic.what;
  std::string text = beginningOfText(data, size);
  if (startsWith(text, "<!doctype html") || startsWith(text, "<html"))
    return "a web page (HTML), such as a sign-in or an error page; the "
           "download "
           "failed";
  if (startsWith(text, "<?xml") || startsWith(text, "<"))
    return "an XML document, such as an error of a file server; the download "
           "failed";
  if (size >= 2 && data[0] == 0x80 && data[1] >= 2 && data[1] <= 5)
    return std::string("a Python pickle, which is a program and is not run") +
           kToSafetensors;
  if (!isText(text))
    return "";
  for (std::string_view word : {"func.func", "module {", "module @",
                                "module attributes", "builtin.module"})
    if (text.find(word) != std::string::npos)
      return "MLIR, a model and not its checkpoint; run it with nm-run FILE";
  return "a text file, not a checkpoint";
}

} // namespace nm::rt
