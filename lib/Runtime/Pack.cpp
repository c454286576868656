//===- Pack.cpp - exact conversions between layouts -----------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "nm/Runtime/Pack.h"
#include "FiberDriver.h"
#include "LayoutFormat.h"
#include "Support.h"
#include <atomic>

namespace nm::rt {

/// Copies `bytes` bytes in parallel.
static void parallelCopy(void *to, const void *from, int64_t bytes) {
  constexpr int64_t chunk = 1 << 20;
  int64_t chunks = ceilDiv(bytes, chunk);
  int threads = threadsFor(chunks, bytes);
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t i = 0; i < chunks; ++i)
    std::memcpy(static_cast<char *>(to) + i * chunk,
                static_cast<const char *>(from) + i * chunk,
                size_t(std::min(chunk, bytes - i * chunk)));
}

static Status checkDesc(const WeightDesc &desc, const LayoutSpec &spec) {
  int64_t elem = elementBytes(desc.dtype);
  if (elem == 0)
    return makeError(Errc::Argument, "the element type is unknown");
  Result<StorageShapes> shapes =
      storageShapes(spec, desc.shape, desc.axis, desc.n, desc.m, elem);
  if (!shapes)
    return shapes.error();
  if (!spec.format->holds(desc.dtype))
    return layoutError(spec, "elements of ", dtypeName(desc.dtype),
                       ", expected f32");
  return {};
}

/// The error of a fault in a conversion from or, for Unshared and Unscaled, to
/// `layout`, or success.
static Status faultStatus(const GroupFault &fault, const WeightDesc &desc,
                          const std::string &name, const LayoutSpec &layout) {
  if (fault.kind == GroupFault::Kind::None)
    return {};
  std::string group =
      describeGroup(desc.shape, desc.axis, desc.m, fault.row, fault.group);
  if (fault.kind == GroupFault::Kind::OverFull)
    return makeError(Errc::Mismatch, "tensor ", quote(name), ": ", group,
                     " holds ", fault.found, " non-zeros, expected at most ",
                     desc.n, " for ", desc.n, ":", desc.m);
  if (fault.kind == GroupFault::Kind::Unshared)
    return makeError(Errc::Mismatch, "tensor ", quote(name), ": ", group,
                     " and the rows beside it hold non-zeros at ", fault.found,
                     " positions, expected at most ", desc.n,
                     " that all rows of layout ", layout.str(), " share");
  if (fault.kind == GroupFault::Kind::Unscaled)
    return makeError(Errc::Mismatch, "tensor ", quote(name), ": ",
                     describeGroup(desc.shape, desc.axis, layout.depth,
                                   fault.row,
                                   fault.group * desc.m / layout.depth),
                     " is no ", layout.form.describe(),
                     "; quantise the weight, or ask for no integers");
  return makeError(Errc::Format, "metadata of layout ", layout.str(), ": ",
                   group, " holds ", fault.found,
                   ", which is no legal index for ", desc.n, ":", desc.m);
}

/// Bytes of the dense weight, whose description was checked.
static uint64_t denseBytes(const WeightDesc &desc) {
  int64_t elem = elementBytes(desc.dtype);
  return uint64_t(*checkedCount(desc.shape, elem) * elem);
}

/// The elements of a dense weight, with the mask that is asked for.
static DenseSource sourceOf(const WeightDesc &desc, const void *dense,
                            const PackOptions &options) {
  DenseSource source;
  source.data = static_cast<const unsigned char *>(dense);
  source.dtype = desc.dtype;
  source.pages = PassedPages(dense, denseBytes(desc));
  source.mask = options.mask;
  source.derive = options.derive;
  return source;
}

Result<PackStats> pack(const WeightDesc &desc, const LayoutSpec &spec,
                       const void *dense, void *values, void *metadata,
                       const PackOptions &options) {
  return guarded([&]() -> Result<PackStats> {
    NM_RETURN_IF_ERROR(checkDesc(desc, spec));
    int64_t elem = elementBytes(desc.dtype);
    PackStats stats;
    if (options.mask && options.mask->shape != desc.shape)
      return makeError(Errc::Argument, "tensor ", quote(options.name),
                       ": mask of shape ", shapeString(options.mask->shape),
                       ", expected ", shapeString(desc.shape));
    int64_t bytes = *checkedCount(desc.shape, elem) * elem;
    bool plain = spec.isDense() && !options.mask;
    if (plain && desc.n == desc.m) {
      parallelCopy(values, dense, bytes);
      return stats;
    }
    // A dense weight without a pattern may still have a mask: any axis will do.
    WeightDesc actual = desc;
    if (spec.isDense() && desc.n == desc.m) {
      actual.n = actual.m = 1;
      actual.axis = int64_t(desc.shape.size()) - 1;
      if (desc.shape.empty()) {
        actual.shape = {1};
        actual.axis = 0;
      }
    }
    FiberGeometry geometry(actual.shape, actual.axis, actual.n, actual.m);
    DenseSource source = sourceOf(desc, dense, options);
    StoredParts to{spec, static_cast<unsigned char *>(values),
                   static_cast<unsigned char *>(metadata), desc.dtype};
    // Nothing is removed from a plain dense weight that fits its pattern: it is
    // only verified, then copied with every bit.
    bool verifyOnly = plain && !options.derive;
    DriverResult result = dispatchElement(elem, [&](auto zero) {
      using U = decltype(zero);
      return forEachTile<U>(geometry, spec.format->rowsTogether(spec, geometry),
                            [&](FiberTile<U> &tile) {
                              readDense(source, geometry, tile);
                              if (!verifyOnly)
                                to.spec.format->write(to, geometry, tile);
                            });
    });
    NM_RETURN_IF_ERROR(faultStatus(result.fault, desc, options.name, spec));
    if (verifyOnly)
      parallelCopy(values, dense, bytes);
    stats.prunedGroups = result.prunedGroups;
    stats.tiedGroups = result.tiedGroups;
    return stats;
  });
}

Status verifyStored(const WeightDesc &desc, const LayoutSpec &spec,
                    const void *values, const void *metadata,
                    const std::string &name) {
  return guarded([&]() -> Status {
    NM_RETURN_IF_ERROR(checkDesc(desc, spec));
    if (spec.isDense() || desc.n == desc.m)
      return {};
    FiberGeometry geometry(desc.shape, desc.axis, desc.n, desc.m);
    if (geometry.rows == 0 || geometry.length == 0)
      return {};
    StoredParts parts{
        spec, static_cast<unsigned char *>(const_cast<void *>(values)),
        static_cast<unsigned char *>(const_cast<void *>(metadata)), desc.dtype};
    if (!spec.format->readsToVerify() ||
        spec.format->areIndicesLegal(parts, geometry))
      return spec.format->verifyPlaces(parts, geometry, name);
    DriverResult result =
        dispatchElement(elementBytes(desc.dtype), [&](auto zero) {
          using U = decltype(zero);
          return forEachTile<U>(geometry,
                                spec.format->rowsTogether(spec, geometry),
                                [&](FiberTile<U> &tile) {
                                  spec.format->read(parts, geometry, tile);
                                });
        });
    NM_RETURN_IF_ERROR(faultStatus(result.fault, desc, name, spec));
    return spec.format->verifyPlaces(parts, geometry, name);
  });
}

Status convert(const WeightDesc &desc, const LayoutSpec &from,
               const void *fromValues, const void *fromMetadata,
               const LayoutSpec &to, void *toValues, void *toMetadata) {
  return guarded([&]() -> Status {
    if (from.isDense()) {
      Result<PackStats> packed =
          pack(desc, to, fromValues, toValues, toMetadata);
      return packed ? Status() : Status(packed.error());
    }
    NM_RETURN_IF_ERROR(checkDesc(desc, from));
    NM_RETURN_IF_ERROR(checkDesc(desc, to));
    // A panel of a dense weight still needs an axis; checkDesc saw to it for
    // the source, and both share the description.
    FiberGeometry geometry(desc.shape, desc.axis, desc.n, desc.m);
    auto bytes = [](const void *p) {
      return static_cast<unsigned char *>(const_cast<void *>(p));
    };
    StoredParts source{from, bytes(fromValues), bytes(fromMetadata),
                       desc.dtype};
    StoredParts target{to, bytes(toValues), bytes(toMetadata), desc.dtype};
    DriverResult result =
        dispatchElement(elementBytes(desc.dtype), [&](auto zero) {
          using U = decltype(zero);
          return forEachTile<U>(geometry, to.format->rowsTogether(to, geometry),
                                [&](FiberTile<U> &tile) {
                                  from.format->read(source, geometry, tile);
                                  to.format->write(target, geometry, tile);
                                });
        });
    bool isTargets = result.fault.kind == GroupFault::Kind::Unshared ||
                     result.fault.kind == GroupFault::Kind::Unscaled;
    return faultStatus(result.fault, desc, "weight", isTargets ? to : from);
  });
}

/// Whether every `rows` rows of the tile, and those at its end, keep at most N
/// positions of each group together.
template <typename U>
static bool sharesMasks(const FiberTile<U> &tile, const FiberGeometry &geometry,
                        int64_t rows) {
  for (int64_t t = 0; t < tile.numRows; t += rows)
    for (int64_t g = 0; g < geometry.groups; ++g) {
      int64_t last = std::min(t + rows, tile.numRows);
      if (__builtin_popcountll(usedPositions(tile, geometry, t, last, g)) >
          geometry.n)
        return false;
    }
  return true;
}

Result<int64_t> sharedRows(const WeightDesc &desc, const void *dense,
                           const PackOptions &options) {
  return guarded([&]() -> Result<int64_t> {
    NM_RETURN_IF_ERROR(checkDesc(desc, LayoutSpec::canonical()));
    FiberGeometry geometry(desc.shape, desc.axis, desc.n, desc.m);
    DenseSource source = sourceOf(desc, dense, options);
    constexpr int64_t most = 4;
    std::atomic<int64_t> shared{most};
    DriverResult result =
        dispatchElement(elementBytes(desc.dtype), [&](auto zero) {
          using U = decltype(zero);
          return forEachTile<U>(geometry, most, [&](FiberTile<U> &tile) {
            if (shared == 1)
              return;
            readDense(source, geometry, tile);
            int64_t rows = shared;
            while (rows > 1 && !sharesMasks(tile, geometry, rows))
              rows /= 2;
            for (int64_t known = shared; rows < known;)
              if (shared.compare_exchange_weak(known, rows))
                break;
          });
        });
    NM_RETURN_IF_ERROR(
        faultStatus(result.fault, desc, options.name, LayoutSpec::canonical()));
    return shared.load();
  });
}

Status unpack(const WeightDesc &desc, const LayoutSpec &spec,
              const void *values, const void *metadata, void *dense) {
  return convert(desc, spec, values, metadata, LayoutSpec::dense(), dense,
                 nullptr);
}

} // namespace nm::rt
