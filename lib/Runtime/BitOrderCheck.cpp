//===- BitOrderCheck.cpp - whether a packed mask fits its weight ----------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For each order let the loss be the sum of the magnitudes that the mask drops.
// Of a weight that was masked already the right order loses nothing. Of a
// weight that was not, a mask of any recipe drops small magnitudes rather than
// large ones, and the wrong order, whose bits stand at other elements, drops
// them at random. If the two orders' bits say nothing of the magnitudes, the
// difference of the losses is a sum of independent terms +|w| and -|w|: it is
// normal with mean 0 and variance sum w^2.
//
//===----------------------------------------------------------------------===//

#include "BitOrderCheck.h"
#include "Support.h"
#include "Threads.h"
#include <algorithm>
#include <cmath>

namespace nm::rt {

Status checkBitOrder(const Mask &mask, const Tensor &weight,
                     const std::string &name) {
  if (mask.form == Mask::Form::Bytes)
    return {};
  Result<Tensor> contiguous = toContiguous(weight);
  if (!contiguous)
    return contiguous.error();
  const TensorView &view = contiguous->view;
  // Enough to tell, and quick: evenly spread pieces of a large weight.
  constexpr int64_t piece = 4096, mostPieces = 2048;
  int64_t count = view.count(), pieces = ceilDiv(count, piece);
  int64_t looked = std::min(pieces, mostPieces);
  Mask other = mask;
  bool lsb = mask.order == BitOrder::LsbFirst;
  other.order = lsb ? BitOrder::MsbFirst : BitOrder::LsbFirst;
  int64_t elem = elementBytes(view.dtype), nonZeros = 0;
  int64_t givenDropped = 0, otherDropped = 0;
  double givenLoss = 0, otherLoss = 0, variance = 0;
  int threads = threadsFor(looked, looked * piece * elem);
#pragma omp parallel for schedule(static) num_threads(threads)                 \
    reduction(+ : nonZeros, givenDropped, otherDropped, givenLoss, otherLoss,  \
                  variance)
  for (int64_t i = 0; i < looked; ++i) {
    int64_t first =
        pieces == looked ? i * piece : i * (pieces / looked) * piece;
    int64_t length = std::min(piece, count - first);
    unsigned char given[piece], swapped[piece];
    mask.expand(first, length, given);
    other.expand(first, length, swapped);
    for (int64_t k = 0; k < length; ++k) {
      double w =
          std::abs(elementToDouble(view.data + (first + k) * elem, view.dtype));
      if (w == 0 || !std::isfinite(w))
        continue;
      ++nonZeros;
      givenDropped += !given[k];
      otherDropped += !swapped[k];
      givenLoss += given[k] ? 0 : w;
      otherLoss += swapped[k] ? 0 : w;
      if (given[k] != swapped[k])
        variance += w * w;
    }
  }
  constexpr int64_t fewest = 4;
  constexpr double sigmas = 5; // one weight in three million by chance
  bool losesAlone = otherDropped == 0 && givenDropped >= fewest;
  if (!losesAlone && !(givenLoss - otherLoss > sigmas * std::sqrt(variance)))
    return {};
  return makeError(
      Errc::Mismatch, "mask ", quote(name), ", read ", lsb ? "LSB" : "MSB",
      " first, drops ", givenDropped, " of ", nonZeros,
      " non-zeros with a sum of magnitudes of ", givenLoss, "; read ",
      lsb ? "MSB" : "LSB", " first it drops ", otherDropped, " with ",
      otherLoss,
      ": choose that bit order (--mask-bit-order=", lsb ? "msb" : "lsb", ")");
}

} // namespace nm::rt
