//===- ZipFile.h - zip archives for tests -----------------------*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_UNITTESTS_RUNTIME_ZIPFILE_H
#define NM_UNITTESTS_RUNTIME_ZIPFILE_H

#include "TestUtil.h"
#include <zip.h>

namespace nm::rt::test {

struct ZipPart {
  std::string name, bytes;
  bool deflate = false;
};

inline void writeZip(const std::string &path,
                     const std::vector<ZipPart> &parts) {
  zip_t *zip = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  EXPECT_NE(zip, nullptr);
  for (const ZipPart &part : parts) {
    zip_source_t *source =
        zip_source_buffer(zip, part.bytes.data(), part.bytes.size(), 0);
    zip_int64_t i = zip_file_add(zip, part.name.c_str(), source, 0);
    EXPECT_GE(i, 0);
    zip_set_file_compression(zip, zip_uint64_t(i),
                             part.deflate ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
  }
  EXPECT_EQ(zip_close(zip), 0);
}

} // namespace nm::rt::test

#endif // NM_UNITTESTS_RUNTIME_ZIPFILE_H
