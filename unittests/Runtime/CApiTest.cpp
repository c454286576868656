//===- CApiTest.cpp -------------------------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestUtil.h"
#include "nm/Runtime/nm_runtime.h"
#include "nm/Version.h"

using namespace nm::rt;
using namespace nm::rt::test;

extern "C" size_t nm_test_c_header(void);

namespace {
/// Message of an error that is freed at once.
std::string take(nm_error *error) {
  std::string message = nm_error_message(error);
  nm_error_free(error);
  return message;
}
} // namespace

class CApi : public TempDir {
protected:
  std::string model() {
    int64_t shape[] = {2, 8};
    float w[16] = {1, 2, 0, 0, 0, 3, 4, 0, 0, 0, 5, 6, 7, 0, 0, 8};
    nm_named_tensor tensor = {sizeof(tensor), "w", NM_F32, 2, shape, w};
    std::string path = file("m.safetensors");
    EXPECT_EQ(nm_write_safetensors(path.c_str(), &tensor, 1, nullptr), NM_OK);
    return path;
  }
};

TEST(CApiHeader, IsC) { EXPECT_EQ(nm_test_c_header(), 4u); }

TEST(CApiHeader, EnumsAgree) {
  EXPECT_EQ(int(NM_U64), int(DType::U64));
  EXPECT_EQ(int(NM_BF16), int(DType::BF16));
  EXPECT_EQ(int(NM_ERR_INTERNAL), int(Errc::Internal));
  EXPECT_EQ(int(NM_ERR_MISMATCH), int(Errc::Mismatch));
  EXPECT_EQ(nm_dtype_bytes(NM_F64), 8u);
  EXPECT_EQ(nm_dtype_bytes(nm_dtype(99)), 0u);
  EXPECT_STREQ(nm_dtype_name(NM_BF16), "bf16");
  EXPECT_STREQ(nm_dtype_name(nm_dtype(99)), "unknown");
  EXPECT_STREQ(nm_runtime_version(), NM_VERSION);
}

TEST(CApiThreads, SetAndRestore) {
  int usual = nm_get_num_threads();
  nm_set_num_threads(3);
  EXPECT_EQ(nm_get_num_threads(), 3);
  nm_set_num_threads(0);
  EXPECT_EQ(nm_get_num_threads(), usual);
}

TEST_F(CApi, Params) {
  std::string path = model();
  nm_scope scope = {sizeof(scope), "", path.c_str()};
  nm_params *params = nullptr;
  nm_error *error = nullptr;
  const char *manifest =
      "{\"version\":1,\"parameters\":[{\"key\":\"w\",\"shape\":[2,8],"
      "\"dtype\":\"f32\",\"sparsity\":{\"n\":2,\"m\":4,\"axis\":1},"
      "\"layout\":\"canonical\"}]}";
  ASSERT_EQ(nm_params_load(manifest, &scope, 1, nullptr, &params, &error),
            NM_OK)
      << take(error);
  EXPECT_EQ(error, nullptr);
  EXPECT_EQ(nm_params_count(params), 1u);
  EXPECT_EQ(nm_params_bytes(params, 0, 0), 32u);
  EXPECT_EQ(nm_params_bytes(params, 0, 1), 2u);
  EXPECT_EQ(static_cast<const float *>(nm_params_data(params, 0, 0))[3], 4.f);
  EXPECT_NE(nm_params_data(params, 0, 1), nullptr);
  EXPECT_EQ(nm_params_data(params, 0, 2), nullptr);
  EXPECT_EQ(nm_params_data(params, 1, 0), nullptr);
  EXPECT_EQ(nm_params_mask_source(params, 1), nullptr);
  EXPECT_STREQ(nm_params_cache_state(params), "off");
  nm_params_free(params);
  nm_params_free(nullptr);

  nm_params_options options;
  nm_params_options_init(&options);
  options.mask_policy = NM_MASK_REQUIRE;
  const char *suffixes[] = {".mask"};
  options.mask_suffixes = suffixes;
  options.num_mask_suffixes = 1;
  EXPECT_EQ(nm_params_load(manifest, &scope, 1, &options, &params, &error),
            NM_ERR_NOT_FOUND);
  EXPECT_EQ(params, nullptr);
  EXPECT_NE(take(error).find("'.mask'"), std::string::npos);
  options.mask_policy = nm_mask_policy(9);
  EXPECT_EQ(nm_params_load(manifest, &scope, 1, &options, &params, nullptr),
            NM_ERR_ARGUMENT);
  options.struct_size = 0;
  EXPECT_EQ(nm_params_load(manifest, &scope, 1, &options, &params, nullptr),
            NM_ERR_ARGUMENT);
  EXPECT_EQ(nm_params_load("{", &scope, 1, nullptr, &params, nullptr),
            NM_ERR_FORMAT);
  EXPECT_EQ(nm_params_load(nullptr, nullptr, 0, nullptr, &params, nullptr),
            NM_ERR_ARGUMENT);
  EXPECT_EQ(nm_params_load("{}", nullptr, 0, nullptr, nullptr, nullptr),
            NM_ERR_ARGUMENT);
}

TEST_F(CApi, CheckpointAndTensor) {
  std::string path = model();
  nm_checkpoint *checkpoint = nullptr;
  ASSERT_EQ(nm_checkpoint_open(path.c_str(), &checkpoint, nullptr), NM_OK);
  EXPECT_EQ(nm_checkpoint_count(checkpoint), 1u);
  EXPECT_STREQ(nm_checkpoint_name(checkpoint, 0), "w");
  EXPECT_EQ(nm_checkpoint_name(checkpoint, 1), nullptr);
  nm_tensor tensor;
  tensor.struct_size = sizeof(tensor);
  ASSERT_EQ(nm_checkpoint_read(checkpoint, "w", &tensor, nullptr), NM_OK);
  nm_error *error = nullptr;
  nm_tensor none;
  none.struct_size = sizeof(none);
  EXPECT_EQ(nm_checkpoint_read(checkpoint, "x", &none, &error),
            NM_ERR_NOT_FOUND);
  EXPECT_EQ(nm_error_status(error), NM_ERR_NOT_FOUND);
  take(error);
  nm_checkpoint_free(checkpoint);
  EXPECT_EQ(tensor.rank, 2u);
  EXPECT_EQ(tensor.shape[1], 8);
  EXPECT_EQ(tensor.bytes, 64u);
  EXPECT_EQ(static_cast<const float *>(tensor.data)[15], 8.f);
  nm_tensor_free(&tensor);
  nm_tensor_free(&tensor);
  EXPECT_EQ(nm_checkpoint_open(file("no").c_str(), &checkpoint, &error),
            NM_ERR_NOT_FOUND);
  take(error);
}

TEST_F(CApi, Inspect) {
  char *text = nullptr;
  std::string path = model();
  ASSERT_EQ(nm_inspect(path.c_str(), nullptr, 0, &text, nullptr), NM_OK);
  EXPECT_NE(std::string(text).find("2:4"), std::string::npos);
  nm_string_free(text);
  ASSERT_EQ(nm_inspect(path.c_str(), nullptr, 1, &text, nullptr), NM_OK);
  EXPECT_EQ(text[0], '[');
  nm_string_free(text);
}

TEST_F(CApi, Chart) {
  char *svg = nullptr;
  nm_error *error = nullptr;
  ASSERT_EQ(nm_chart_svg(R"({"title": "a < b"})", &svg, nullptr), NM_OK);
  EXPECT_NE(std::string(svg).find("a &lt; b"), std::string::npos);
  nm_string_free(svg);
  EXPECT_EQ(nm_chart_svg("[]", &svg, &error), NM_ERR_FORMAT);
  EXPECT_EQ(svg, nullptr);
  EXPECT_EQ(take(error).rfind("chart: ", 0), 0u);
  EXPECT_EQ(nm_chart_svg(nullptr, &svg, nullptr), NM_ERR_ARGUMENT);
  EXPECT_EQ(nm_chart_svg("{}", nullptr, nullptr), NM_ERR_ARGUMENT);
}

TEST_F(CApi, WriteNpy) {
  int64_t shape[] = {2};
  float data[] = {1, 2};
  nm_error *error = nullptr;
  std::string path = file("x.npy");
  EXPECT_EQ(nm_write_npy(path.c_str(), NM_F32, 1, shape, data, nullptr), NM_OK);
  EXPECT_EQ(nm_write_npy(path.c_str(), NM_BF16, 1, shape, data, &error),
            NM_ERR_UNSUPPORTED);
  EXPECT_NE(take(error).find("widen"), std::string::npos);
  EXPECT_EQ(nm_write_npy(path.c_str(), NM_F32, 1, nullptr, data, nullptr),
            NM_ERR_ARGUMENT);
  EXPECT_EQ(nm_write_npy(path.c_str(), NM_F32, 1, shape, nullptr, nullptr),
            NM_ERR_ARGUMENT);
  int64_t huge[] = {INT64_MAX, INT64_MAX};
  EXPECT_EQ(nm_write_npy(path.c_str(), NM_F32, 2, huge, data, nullptr),
            NM_ERR_FORMAT);
}

TEST(CApiLayouts, ConvertAndDerive) {
  int64_t shape[] = {1, 8};
  nm_weight weight = {sizeof(weight), NM_I8, 2, shape, 1, 2, 4};
  size_t values = 0, metadata = 0;
  ASSERT_EQ(nm_layout_bytes(&weight, "canonical", &values, &metadata, nullptr),
            NM_OK);
  EXPECT_EQ(values, 4u);
  EXPECT_EQ(metadata, 1u);
  int8_t dense[8] = {1, 2, 3, 4, 0, 5, 0, 6}, stored[4], back[8];
  uint8_t bits, mask[8];
  EXPECT_EQ(nm_convert(&weight, "dense", dense, nullptr, "canonical", stored,
                       &bits, nullptr),
            NM_ERR_MISMATCH);
  ASSERT_EQ(nm_derive_mask(&weight, dense, mask, nullptr), NM_OK);
  for (int i = 0; i < 8; ++i)
    dense[i] = int8_t(dense[i] * mask[i]);
  ASSERT_EQ(nm_convert(&weight, "dense", dense, nullptr, "canonical", stored,
                       &bits, nullptr),
            NM_OK);
  ASSERT_EQ(nm_convert(&weight, "canonical", stored, &bits, "dense", back,
                       nullptr, nullptr),
            NM_OK);
  EXPECT_EQ(std::memcmp(dense, back, 8), 0);
  EXPECT_EQ(stored[0], 3);
  EXPECT_EQ(nm_convert(&weight, "dense", dense, nullptr, "canonical", stored,
                       nullptr, nullptr),
            NM_ERR_ARGUMENT);
  EXPECT_EQ(nm_layout_bytes(&weight, "spiral", nullptr, nullptr, nullptr),
            NM_ERR_FORMAT);
  weight.rank = 1000;
  EXPECT_EQ(nm_layout_bytes(&weight, "dense", nullptr, nullptr, nullptr),
            NM_ERR_ARGUMENT);
}

namespace {
/// What a caller of a newer header passes: a field behind the ones we know.
template <typename T> struct Newer {
  T known;
  int64_t added;
};
} // namespace

/// Each struct is refused with a size that no header has, taken from a newer
/// header that leaves its new field zero, refused where the field is set.
template <typename T, typename Call>
static void checkStructSizes(T good, const char *type, Call call) {
  for (size_t size : {size_t(0), sizeof(T) - 8, size_t(4097), SIZE_MAX}) {
    T bad = good;
    bad.struct_size = size;
    nm_error *error = nullptr;
    EXPECT_EQ(call(&bad, &error), NM_ERR_ARGUMENT) << type << " " << size;
    std::string message = take(error);
    EXPECT_NE(message.find("struct_size of " + std::string(type) + " is " +
                           std::to_string(size)),
              std::string::npos)
        << message;
  }
  Newer<T> newer = {good, 0};
  newer.known.struct_size = sizeof(newer);
  nm_error *error = nullptr;
  EXPECT_EQ(call(&newer.known, &error), NM_OK) << type << ": " << take(error);
  newer.added = int64_t(1) << 40;
  EXPECT_EQ(call(&newer.known, &error), NM_ERR_ARGUMENT) << type;
  EXPECT_NE(take(error).find("does not know"), std::string::npos);
}

TEST_F(CApi, StructSizes) {
  std::string path = model();
  const char *manifest =
      "{\"version\":1,\"parameters\":[{\"key\":\"w\",\"shape\":[2,8],"
      "\"dtype\":\"f32\",\"layout\":\"dense\"}]}";
  nm_params_options options;
  nm_params_options_init(&options);
  nm_scope scope = {sizeof(scope), "", path.c_str()};
  auto load = [&](const nm_scope *scopes, const nm_params_options *given,
                  nm_error **error) {
    nm_params *params = nullptr;
    nm_status status =
        nm_params_load(manifest, scopes, 1, given, &params, error);
    nm_params_free(params);
    return status;
  };
  checkStructSizes(scope, "nm_scope", [&](nm_scope *s, nm_error **error) {
    return load(s, &options, error);
  });
  checkStructSizes(options, "nm_params_options",
                   [&](nm_params_options *o, nm_error **error) {
                     return load(&scope, o, error);
                   });
  int64_t shape[] = {1, 8};
  float data[8] = {};
  nm_weight weight = {sizeof(weight), NM_F32, 2, shape, 1, 2, 4};
  checkStructSizes(weight, "nm_weight", [&](nm_weight *w, nm_error **error) {
    return nm_layout_bytes(w, "canonical", nullptr, nullptr, error);
  });
  nm_named_tensor named = {sizeof(named), "a", NM_F32, 2, shape, data};
  checkStructSizes(
      named, "nm_named_tensor", [&](nm_named_tensor *n, nm_error **error) {
        return nm_write_safetensors(file("s.safetensors").c_str(), n, 1, error);
      });
}

TEST_F(CApi, ArraysOfNewerStructs) {
  int64_t shape[] = {2};
  float a[] = {1, 2}, b[] = {3, 4};
  Newer<nm_named_tensor> list[2] = {
      {{sizeof(list[0]), "a", NM_F32, 1, shape, a}, 0},
      {{sizeof(list[0]), "b", NM_F32, 1, shape, b}, 0}};
  std::string path = file("two.safetensors");
  ASSERT_EQ(nm_write_safetensors(path.c_str(), &list[0].known, 2, nullptr),
            NM_OK);
  nm_checkpoint *checkpoint = nullptr;
  ASSERT_EQ(nm_checkpoint_open(path.c_str(), &checkpoint, nullptr), NM_OK);
  // A newer header's tensor: what we do not know comes back zero.
  Newer<nm_tensor> tensor = {{}, -1};
  tensor.known.struct_size = sizeof(tensor);
  ASSERT_EQ(nm_checkpoint_read(checkpoint, "b", &tensor.known, nullptr), NM_OK);
  EXPECT_EQ(static_cast<const float *>(tensor.known.data)[1], 4.f);
  EXPECT_EQ(tensor.added, 0);
  nm_tensor_free(&tensor.known);
  EXPECT_EQ(tensor.known.struct_size, sizeof(tensor));
  EXPECT_EQ(tensor.known.owner, nullptr);
  tensor.known.struct_size = 8;
  EXPECT_EQ(nm_checkpoint_read(checkpoint, "b", &tensor.known, nullptr),
            NM_ERR_ARGUMENT);
  nm_checkpoint_free(checkpoint);
  list[1].known.struct_size = sizeof(nm_named_tensor);
  EXPECT_EQ(nm_write_safetensors(path.c_str(), &list[0].known, 2, nullptr),
            NM_ERR_ARGUMENT);
}
