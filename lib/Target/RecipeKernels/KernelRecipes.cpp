//===- KernelRecipes.cpp - The recipes of the runtime library's kernels -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The formulas of include/nm/Runtime/Recipes/Kernels.h as functions over
// `step`.
//
//===----------------------------------------------------------------------===//

#include "KernelRecipes.h"
#include <cstddef>

using namespace mlir::step;

namespace {

/// Writes one recipe, line by line.
class RecipeWriter {
public:
  explicit RecipeWriter(const nm_generated_kernel &form) : form(form) {
    std::string sizes =
        form.rows ? "?x" + std::to_string(form.m) + "x?" : std::string("?");
    values = "tensor<" + sizes + "xf32>";
    bits = "tensor<" + sizes + "xi1>";
    halves = "tensor<" + sizes + "xbf16>";
    pattern = "<?:" + std::to_string(form.m) +
              (form.rows ? ", axis = 1>" : ", axis = 0>");
  }

  KernelRecipe write(std::string name) {
    made.form = form;
    made.name = std::move(name);
    std::string w = memory(values, offsetof(nm_kernel_call, weight));
    if (isMasked())
      pi = memory(bits, offsetof(nm_kernel_call, mask), KernelArgument::Bits);
    std::string w1 = form.update == NM_UPDATE_NONE ? w : update(w);
    select(w, w1);
    finish();
    return std::move(made);
  }

private:
  bool isMasked() const { return form.mask != NM_MASK_NONE; }

  std::string argument(const std::string &type, KernelArgument from) {
    std::string name = "%a" + std::to_string(made.arguments.size());
    arguments += (arguments.empty() ? "" : ", ") + name + ": " + type;
    made.arguments.push_back(from);
    return name;
  }
  std::string memory(const std::string &type, size_t offset,
                     KernelArgument::Kind kind = KernelArgument::Memory) {
    return argument(type, {kind, offset});
  }
  std::string number(size_t offset) {
    return argument("f32", {KernelArgument::Number, offset});
  }
  std::string flag(uint32_t flag) {
    return argument("i1", {KernelArgument::Flag, 0, flag});
  }

  std::string line(const std::string &text, const std::string &type) {
    std::string name = "%v" + std::to_string(count++);
    body += "  " + name + " = " + text + " : " + type + "\n";
    return name;
  }
  std::string op(const std::string &text) { return line(text, values); }

  /// `with` in forms that have the flag, else `without`.
  std::string choose(uint32_t bit, const std::string &with,
                     const std::string &without) {
    return op("arith.select " + flag(bit) + ", " + with + ", " + without);
  }

  /// A result. `updates` and `storedIf` are arguments, or empty.
  void result(const std::string &name, const std::string &type,
              const std::string &updates = "",
              const std::string &storedIf = "") {
    std::string attrs;
    auto attr = [&](const char *key, const std::string &argument) {
      if (!argument.empty())
        attrs += (attrs.empty() ? "" : ", ") + std::string(key) + " = " +
                 argument.substr(2) + " : i64";
    };
    attr("step.updates", updates);
    attr("step.stored_if", storedIf);
    const char *comma = returned.empty() ? "" : ", ";
    results += comma + type + (attrs.empty() ? "" : " {" + attrs + "}");
    returned += comma + name;
    returnedTypes += comma + type;
  }

  /// The gradient as the moments see it.
  std::string gradient(const std::string &w) {
    std::string g =
        memory(form.half ? halves : values, offsetof(nm_kernel_call, gradient));
    if (form.half)
      g = line("arith.extf " + g, halves + " to " + values);
    result(line("step.count_nonfinite " + g, values), "i64");
    made.results.push_back(offsetof(nm_kernel_stats, nonfinite));
    g = op("step.scale " + g + ", " +
           number(offsetof(nm_kernel_call, gradient_sign)));
    if (isMasked()) {
      std::string faded =
          op("step.scale " + g + ", " +
             number(offsetof(nm_kernel_call, dropped_gradient)));
      std::string dropped = line("arith.select " + pi + ", " + g + ", " + faded,
                                 bits + ", " + values);
      g = choose(NM_FORM_DROPPED, dropped, g);
      std::string pulled =
          op("step.straight_through " + g + ", " + w + ", " + pi + ", " +
             number(offsetof(nm_kernel_call, lambda)));
      g = choose(NM_FORM_LAMBDA, pulled, g);
    }
    std::string decayed = op("step.weight_decay " + g + ", " + w + ", " +
                             number(offsetof(nm_kernel_call, weight_decay)));
    return choose(NM_FORM_L2, decayed, g);
  }

  std::string update(const std::string &w) {
    std::string g = gradient(w);
    std::string scaled = op("step.scale " + w + ", " +
                            number(offsetof(nm_kernel_call, weight_scale)));
    std::string w1 = choose(NM_FORM_DECOUPLED, scaled, w);
    std::string m = memory(values, offsetof(nm_kernel_call, m));
    std::string beta1 = number(offsetof(nm_kernel_call, beta1));
    std::string m1 = op("step.moment " + m + ", " + g + ", " + beta1 + ", " +
                        number(offsetof(nm_kernel_call, one_minus_beta1)));
    result(m1, values, m);
    std::string rate = number(offsetof(nm_kernel_call, step_size));
    if (form.update == NM_UPDATE_MOMENTUM) {
      one = line("arith.constant 1.0", "f32");
      std::string ahead =
          op("step.moment " + m1 + ", " + g + ", " + beta1 + ", " + one);
      std::string direction = choose(NM_FORM_NESTEROV, ahead, m1);
      return op("step.descend " + w1 + ", " + direction + ", " + rate);
    }
    std::string eps = number(offsetof(nm_kernel_call, eps));
    std::string v = memory(values, offsetof(nm_kernel_call, v));
    if (form.update != NM_UPDATE_ADAM)
      return op(std::string("step.frozen_update ") +
                (form.update == NM_UPDATE_STEP_PAPER ? "inside " : "outside ") +
                w1 + ", " + m1 + ", " + v + ", " + rate + ", " + eps);
    std::string v1 = op("step.second_moment " + v + ", " + g + ", " +
                        number(offsetof(nm_kernel_call, beta2)) + ", " +
                        number(offsetof(nm_kernel_call, one_minus_beta2)));
    result(v1, values, v);
    if (form.statistics)
      statistics(v, v1);
    return op("step.adam_update " + w1 + ", " + m1 + ", " + v1 + ", " + rate +
              ", " + number(offsetof(nm_kernel_call, bias2_sqrt)) + ", " + eps);
  }

  void statistics(const std::string &v, const std::string &v1) {
    if (form.statistics == 1) {
      result(line("step.change_sum " + v + ", " + v1, values), "f64");
      made.results.push_back(offsetof(nm_kernel_stats, sum));
      return;
    }
    body += "  %mantissa, %exponent, %zeros = step.change_product " + v + ", " +
            v1 + " : " + values + "\n";
    result("%mantissa", "f64");
    result("%exponent", "i64");
    result("%zeros", "i64");
    for (size_t offset : {offsetof(nm_kernel_stats, mantissa),
                          offsetof(nm_kernel_stats, exponent),
                          offsetof(nm_kernel_stats, zeros)})
      made.results.push_back(offset);
  }

  /// The mask by the new weight, what is stored of that, and what the forward
  /// pass sees.
  void select(const std::string &w, const std::string &w1) {
    std::string keep = pi, n, w2 = w1;
    if (form.mask == NM_MASK_SELECT) {
      n = argument("i32", {KernelArgument::Keep});
      keep = line("step.mask " + w1 + " keep " + n + " to " + pattern, values);
      result(keep, bits, pi);
    }
    std::string stored;
    if (isMasked()) {
      std::string pruned = op("step.effective " + w1 + ", " + keep);
      std::string prunes = flag(NM_FORM_PRUNE);
      w2 = op("arith.select " + prunes + ", " + pruned + ", " + w1);
      if (form.update == NM_UPDATE_NONE)
        stored = prunes;
    }
    if (w2 != w)
      result(w2, values, w, stored);

    std::string seen = w2;
    if (form.soft)
      seen = op("step.soft_threshold " + w1 + " keep " + n + " to " + pattern +
                " scale " + number(offsetof(nm_kernel_call, soft_scale)));
    else if (isMasked())
      seen = op("step.effective " + w2 + ", " + keep + " decay " +
                number(offsetof(nm_kernel_call, decay)));
    if (form.half)
      seen = line("arith.truncf " + seen, values + " to " + halves);
    result(seen, form.half ? halves : values, "",
           argument("i1", {KernelArgument::Shown}));
  }

  void finish() {
    made.text = "func.func @" + made.name + "(" + arguments + ")\n    -> (" +
                results + ") {\n" + body + "  return " + returned + " : " +
                returnedTypes + "\n}\n";
    // Behind the arguments: memory of the result that updates none.
    made.arguments.push_back(
        {KernelArgument::Memory, offsetof(nm_kernel_call, effective)});
  }

  nm_generated_kernel form;
  KernelRecipe made;
  std::string values, bits, halves, pattern, pi, one;
  std::string arguments, body, results, returned, returnedTypes;
  unsigned count = 0;
};

} // namespace

static std::string nameOf(const nm_generated_kernel &form) {
  static const char *const updates[] = {"none", "adam", "paper", "public",
                                        "momentum"};
  static const char *const masks[] = {"dense", "fixed", "select"};
  std::string name = std::string(updates[form.update]) + "_" + masks[form.mask];
  if (form.mask == NM_MASK_SELECT)
    name += std::to_string(form.m) + (form.rows ? "_rows" : "");
  name += form.soft ? "_soft" : "";
  static const char *const statistics[] = {"", "_arithmetic", "_geometric"};
  name += statistics[form.statistics];
  return name + (form.half ? "_bf16" : "_f32");
}

std::vector<KernelRecipe> mlir::step::makeKernelRecipes() {
  std::vector<KernelRecipe> recipes;
  auto add = [&](nm_generated_kernel form) {
    for (int32_t half : {0, 1}) {
      form.half = half;
      recipes.push_back(RecipeWriter(form).write(nameOf(form)));
    }
  };
  for (nm_update_form update :
       {NM_UPDATE_NONE, NM_UPDATE_ADAM, NM_UPDATE_STEP_PAPER,
        NM_UPDATE_STEP_PUBLIC, NM_UPDATE_MOMENTUM}) {
    nm_generated_kernel form = {};
    form.update = update;
    form.m = 1;
    if (update != NM_UPDATE_NONE)
      add(form);
    if (update == NM_UPDATE_ADAM) {
      for (int32_t mean : {1, 2}) {
        form.statistics = mean;
        add(form);
      }
      form.statistics = 0;
    }
    form.mask = NM_MASK_FIXED;
    add(form);
    form.mask = NM_MASK_SELECT;
    bool hasSoft =
        update != NM_UPDATE_STEP_PAPER && update != NM_UPDATE_STEP_PUBLIC;
    for (int32_t m : {2, 4, 8, 16, 32})
      for (int32_t rows : {0, 1}) {
        form.m = m;
        form.rows = rows;
        form.soft = 0;
        add(form);
        // S-STE is for 2:4 and what is near it.
        form.soft = 1;
        if (hasSoft && (m == 4 || m == 8))
          add(form);
      }
  }
  return recipes;
}
