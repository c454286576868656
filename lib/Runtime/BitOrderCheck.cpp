//===- BitOrderCheck.cpp - whether a packed mask fits its weight ----------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Three signs, each of which no chance explains:
// * The other order drops no non-zero at all: the weight was masked already.
// * The other order never drops a larger magnitude than it keeps within 4 (or
//   within 8) neighbours, as masks by magnitude do. A mask that has nothing to
//   do with the magnitudes does so in one of 6 groups of 2:4.
// * The sum of the dropped magnitudes, the loss, is larger than that of the
// other
//   order by more than unrelated bits explain: masks of any recipe drop small
//   magnitudes rather than large ones. Were they unrelated, the difference of
//   the losses would be a sum of independent terms +|w| and -|w|, normal with
//   mean 0 and variance sum w^2.
//
//===----------------------------------------------------------------------===//

#include "BitOrderCheck.h"
#include "Support.h"
#include "Threads.h"
#include <algorithm>
#include <cmath>

namespace nm::rt {

/// Whether a mask drops a larger magnitude than it keeps of `size` neighbours.
static bool isInverted(const double *magnitudes, const unsigned char *kept,
                       int64_t size) {
  double largest = -1, smallest = HUGE_VAL;
  for (int64_t i = 0; i < size; ++i)
    if (kept[i])
      smallest = std::min(smallest, magnitudes[i]);
    else
      largest = std::max(largest, magnitudes[i]);
  return largest > smallest;
}

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
  // Of groups of 4 and of 8.
  int64_t given4 = 0, given8 = 0, other4 = 0, other8 = 0;
  int threads = threadsFor(looked, looked * piece * elem);
#pragma omp parallel for schedule(static) num_threads(threads)                 \
    reduction(+ : nonZeros, givenDropped, otherDropped, givenLoss, otherLoss,  \
                  variance, given4, given8, other4, other8)
  for (int64_t i = 0; i < looked; ++i) {
    int64_t first =
        pieces == looked ? i * piece : i * (pieces / looked) * piece;
    int64_t length = std::min(piece, count - first);
    unsigned char given[piece], swapped[piece];
    double magnitudes[piece];
    mask.expand(first, length, given);
    other.expand(first, length, swapped);
    for (int64_t k = 0; k < length; ++k) {
      double w =
          std::abs(elementToDouble(view.data + (first + k) * elem, view.dtype));
      magnitudes[k] = w;
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
    for (int64_t k = 0; k + 8 <= length; k += 8) {
      given8 += isInverted(magnitudes + k, given + k, 8);
      other8 += isInverted(magnitudes + k, swapped + k, 8);
      for (int64_t half : {k, k + 4}) {
        given4 += isInverted(magnitudes + half, given + half, 4);
        other4 += isInverted(magnitudes + half, swapped + half, 4);
      }
    }
  }
  constexpr int64_t fewest = 4;
  constexpr double sigmas = 5; // one weight in three million by chance
  bool losesAlone = otherDropped == 0 && givenDropped >= fewest;
  constexpr int64_t fewestGroups = 8;
  bool invertsAlone = (other4 == 0 && given4 >= fewestGroups) ||
                      (other8 == 0 && given8 >= fewestGroups);
  if (!losesAlone && !invertsAlone &&
      !(givenLoss - otherLoss > sigmas * std::sqrt(variance)))
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
