//===- RecipeReference.h - Recipes in plain float64 -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The recipes as the papers state them (arXiv 2302.01172 algorithm 1 and 2,
// arXiv 2209.07617 section 3), for one tensor, element by element in float64.
// Written to be read next to the papers; it shares nothing with the library.
//
//===----------------------------------------------------------------------===//

#ifndef NM_UNITTESTS_RUNTIME_RECIPEREFERENCE_H
#define NM_UNITTESTS_RUNTIME_RECIPEREFERENCE_H

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace nm::rt::test {

struct ReferenceSettings {
  std::string method = "dense"; // as in recipe files
  std::string optimizer = "adam";
  double lr = 1e-3, b1 = 0.9, b2 = 0.999, eps = 1e-8, weightDecay = 0;
  double momentum = 0, dampening = 0;
  bool nesterov = false, amsgrad = false, maximize = false;
  int n = 2, m = 4;
  int64_t total = 1000, dense = 0, fineTune = 0;
  bool freeze = false;
  double lambda = 0;
  std::string gradient = "straight-through";
  std::string decay; // "linear", "exponential"
  double rate = 0;
  std::string structure; // "stepwise", "geometric"
  // STEP
  int64_t switchAt = 0; // 0: AutoSwitch
  int option = 1;
  double threshold = 1e-8;
  int64_t window = 1000;
  bool partial = false;
  double clipLow = -1, clipHigh = -1; // -1: no clip
  bool publicDenominator = false;
};

class Reference {
public:
  /// `outer` x `length` x `stride` elements, groups along the middle.
  Reference(ReferenceSettings settings, int64_t outer, int64_t length,
            int64_t stride)
      : s(std::move(settings)), outer(outer), length(length), stride(stride),
        switched(s.switchAt) {
    size_t count = size_t(outer * length * stride);
    w.assign(count, 0);
    m.assign(count, 0);
    v.assign(count, 0);
    vMax.assign(count, 0);
    mask.assign(count, true);
  }

  std::vector<double> w, m, v, vMax;
  std::vector<bool> mask; // of the forward pass of step `t + 1`
  int64_t t = 0;
  double softScale = 0;
  double z = 0, mean = 0;
  ReferenceSettings s;

  bool sparse(int64_t step) const {
    if (s.method == "dense")
      return false;
    if (s.method == "step")
      return switched > 0 && step > switched;
    return step > s.dense;
  }
  bool fine(int64_t step) const {
    return s.fineTune > 0 && step > s.total - s.fineTune;
  }
  int64_t switchedAt() const { return switched; }

  /// D(t) of 2209.07617.
  double decayAt(int64_t step) const {
    if (s.decay.empty() || fine(step))
      return 0;
    double since = double(step - s.dense);
    return s.decay == "linear" ? std::max(0.0, 1 - s.rate * since)
                               : std::exp(-s.rate * since);
  }

  /// N_t : M_t. Frames of equal length between the dense and the fine-tune
  /// phase.
  std::pair<int, int> patternAt(int64_t step) const {
    if (s.structure.empty() || fine(step))
      return {s.n, s.m};
    std::vector<std::pair<int, int>> frames;
    if (s.structure == "geometric") {
      for (int i = 0; i < 4; ++i)
        frames.emplace_back(s.n * (8 >> i), s.m * (8 >> i));
    } else {
      if (s.m - 1 > s.n)
        frames.emplace_back(s.m - 1, s.m);
      for (int half = s.m / 2; half > s.n; half /= 2)
        if (half < s.m - 1)
          frames.emplace_back(half, s.m);
      frames.emplace_back(s.n, s.m);
    }
    double length =
        double(s.total - s.dense - s.fineTune) / double(frames.size());
    auto frame = size_t(double(step - s.dense - 1) / length + 1e-9);
    return frames[std::min(frame, frames.size() - 1)];
  }

  /// Top n of every m by |w|, ties to the lower index.
  void select(int n, int group) {
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t g = 0; g < length; g += group)
        for (int64_t c = 0; c < stride; ++c) {
          auto at = [&](int j) {
            return size_t((o * length + g + j) * stride + c);
          };
          std::vector<int> order;
          for (int j = 0; j < group; ++j)
            order.push_back(j);
          std::sort(order.begin(), order.end(), [&](int a, int b) {
            double x = std::fabs(w[at(a)]), y = std::fabs(w[at(b)]);
            return x > y || (x == y && a < b);
          });
          for (int j = 0; j < group; ++j)
            mask[at(order[size_t(j)])] = j < n;
        }
  }

  /// The mask that the forward pass of `step` uses, from w.
  void renewMask(int64_t step) {
    if (!sparse(step))
      return;
    bool first = !sparse(step - 1) || step == 1;
    bool chosen = (s.method == "asp" && !first) ||
                  (s.freeze && fine(step) && fine(step - 1));
    if (!chosen) {
      auto [n, group] = patternAt(step);
      select(n, group);
    }
    if (s.method == "asp") // the weights themselves are masked after each step
      for (size_t i = 0; i < w.size(); ++i)
        w[i] = mask[i] ? w[i] : 0;
  }

  /// What the forward pass of `step` sees of element i.
  double effective(int64_t step, size_t i) const {
    if (!sparse(step))
      return w[i];
    if (s.method == "s-ste") {
      size_t base = i - i % size_t(s.m * stride) + i % size_t(stride);
      double threshold = 0;
      for (int j = 0; j < s.m; ++j)
        if (!mask[base + size_t(j * stride)])
          threshold =
              std::max(threshold, std::fabs(w[base + size_t(j * stride)]));
      double size = std::fabs(w[i]) - threshold;
      return mask[i] ? softScale * std::copysign(size, w[i]) : 0;
    }
    return mask[i] ? w[i] : decayAt(step) * w[i];
  }

  /// Step t + 1 with the gradient at the effective weights. `stored` is the
  /// second moment as its f32 state holds it after the step: AutoSwitch looks
  /// at small differences of large numbers.
  void step(const std::vector<double> &gradient,
            const std::vector<float> &stored) {
    ++t;
    bool masked = sparse(t);
    std::vector<double> before = v;
    for (size_t i = 0; i < w.size(); ++i) {
      double g = s.maximize ? -gradient[i] : gradient[i];
      if (masked && !mask[i]) {
        if (s.method == "asp" || s.gradient == "masked")
          g = 0;
        else if (s.gradient == "decayed")
          g *= decayAt(t);
        g += s.lambda * w[i];
      }
      update(i, g, masked);
    }
    if (s.method == "step" && !masked && s.switchAt == 0)
      autoSwitch(before, stored);
    renewMask(t + 1);
  }

private:
  int64_t outer, length, stride;
  int64_t switched;
  std::deque<double> samples;

  void update(size_t i, double g, bool masked) {
    if (s.optimizer == "adamw")
      w[i] *= 1 - s.lr * s.weightDecay;
    else
      g += s.weightDecay * w[i];
    if (s.optimizer == "sgd") {
      double direction = g;
      if (s.momentum != 0) {
        m[i] = t == 1 ? g : s.momentum * m[i] + (1 - s.dampening) * g;
        direction = s.nesterov ? g + s.momentum * m[i] : m[i];
      }
      w[i] -= s.lr * direction;
      return;
    }
    m[i] = s.b1 * m[i] + (1 - s.b1) * g;
    double unbiased = m[i] / (1 - std::pow(s.b1, double(t)));
    if (s.method == "step" && masked) {
      w[i] -= s.publicDenominator
                  ? s.lr * unbiased / (std::sqrt(v[i]) + std::pow(s.eps, 0.75))
                  : s.lr * unbiased / std::sqrt(v[i] + s.eps);
      return;
    }
    v[i] = s.b2 * v[i] + (1 - s.b2) * g * g;
    vMax[i] = std::max(vMax[i], v[i]);
    double second =
        (s.amsgrad ? vMax[i] : v[i]) / (1 - std::pow(s.b2, double(t)));
    w[i] -= s.lr * unbiased / (std::sqrt(second) + s.eps);
  }

  void autoSwitch(const std::vector<double> &before,
                  const std::vector<float> &after) {
    double sum = 0;
    int64_t moved = 0;
    for (size_t i = 0; i < v.size(); ++i) {
      double change = std::fabs(double(after[i]) - before[i]);
      if (s.option == 1)
        sum += change;
      else if (change > 0)
        sum += std::log(change);
      moved += change > 0;
    }
    z = s.option == 1 ? sum / double(v.size())
                      : (moved ? std::exp(sum / double(moved)) : 0);
    samples.push_back(z);
    if (int64_t(samples.size()) > s.window)
      samples.pop_front();
    mean = 0;
    for (double sample : samples)
      mean += sample;
    mean /= double(samples.size());
    bool low = mean < s.threshold &&
               (s.partial || int64_t(samples.size()) == s.window);
    double now = double(t), all = double(s.total);
    bool late = s.clipHigh >= 0 && now > s.clipHigh * all;
    bool early = s.clipLow >= 0 && now <= s.clipLow * all;
    if (late || (low && !early))
      switched = t;
  }
};

} // namespace nm::rt::test

#endif // NM_UNITTESTS_RUNTIME_RECIPEREFERENCE_H
