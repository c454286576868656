//===- QuantizedCache.h - Caches that an operator keeps as integers -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_IMPORT_ONNX_QUANTIZEDCACHE_H
#define NM_LIB_IMPORT_ONNX_QUANTIZEDCACHE_H

#include "Node.h"

namespace mlir::nm::onnx {

/// Rows of keys or of values as integers, one scale for all of them or one for
/// each head and channel, the same in every batch and row: of 8 bits, int8, or
/// of 4, uint8, the even channel plus 8 in the low half of a byte, the odd one
/// in the high half. (ONNX Runtime, GroupQueryAttention: k_quant_type,
/// k_scale, kv_cache_bit_width)
struct CacheIntegers {
  int64_t bits;
  Val scale;          ///< f32, [] or [G, 1, D]
  OpFoldResult width; ///< D, channels of a head

  /// Reads the form of `part`, "k" or "v", whose scales are operand `scales`
  /// and whose past, if there is one, is operand `past`; nothing where the
  /// cache is of floats. Fails, with a message, where they do not fit.
  static FailureOr<std::optional<CacheIntegers>>
  read(NodeEmit &n, StringRef part, size_t past, size_t scales,
       OpFoldResult heads, OpFoldResult width);

  /// Bytes of a row.
  OpFoldResult rowBytes(NodeEmit &n) const;
  /// Rows [B, G, N, D] as the cache has them, [B, G, N, rowBytes].
  Val quantize(NodeEmit &n, Val &rows) const;
  /// Rows of a cache as numbers, [B, G, S, D] of `type`.
  Val dequantize(NodeEmit &n, Val &cache, int32_t type) const;
};

} // namespace mlir::nm::onnx

#endif // NM_LIB_IMPORT_ONNX_QUANTIZEDCACHE_H
