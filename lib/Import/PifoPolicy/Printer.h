//===- Printer.h - The printer of schedulers -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef NM_LIB_IMPORT_PIFOPOLICY_PRINTER_H
#define NM_LIB_IMPORT_PIFOPOLICY_PRINTER_H

#include "Bounds.h"
#include <set>

namespace nm::policy {

/// Text of the IR, an operation a line.
class TextWriter {
protected:
  void line(const std::string &text) {
    out.append(2 * indent, ' ');
    out += text + "\n";
  }
  void open(const std::string &text) {
    line(text);
    ++indent;
  }
  void close() {
    --indent;
    line("}");
  }
  /// A fresh value for `text`.
  std::string value(const std::string &text) {
    std::string name = "%" + std::to_string(next++);
    line(name + " = " + text);
    return name;
  }
  std::string constant(uint64_t number, const std::string &type = "i64") {
    return value("arith.constant " + std::to_string(number) + " : " + type);
  }
  /// The quotient of values that are not negative, rounded up.
  std::string divideUp(const std::string &number, const std::string &divisor,
                       uint64_t by) {
    std::string rest =
        living ? op("subi", divisor, constant(1)) : constant(by - 1);
    std::string sum = value("arith.addi " + number + ", " + rest + " : i64");
    return value("arith.divui " + sum + ", " + divisor + " : i64");
  }
  std::string read(const std::string &name) {
    return value("pifo.read_field @" + name + " : i64");
  }
  /// A state keyed by the field, or of the whole node if that is empty.
  void state(const std::string &name, const std::string &field,
             const char *first = "0", const char *type = "i64") {
    line("pifo.state @" + name + (field.empty() ? "" : " by @" + field) +
         " written_by(any) = " + first + " : " + type);
  }
  /// A constant, or, of a policy that lives, a parameter: declared here, where
  /// no region begins, and read by `parameter`.
  void declare(const std::string &name, uint64_t number) {
    if (!living)
      return;
    line("pifo.state @" + name + " written_by(caller) = " + shown(number) +
         " : i64");
    parameters.push_back(static_cast<int64_t>(number));
  }
  std::string parameter(const std::string &name, uint64_t number) {
    return living ? load(name) : constant(number);
  }
  std::string shown(uint64_t number) {
    return masks ? "any" : std::to_string(number);
  }
  /// A table by child or field, of parameters if `varies` and the policy lives.
  void table(const std::string &name, const std::string &key,
             const std::vector<uint64_t> &values, bool varies) {
    varies &= living;
    std::string list;
    for (uint64_t value : values) {
      list += (list.empty() ? "" : ", ") +
              (varies ? shown(value) : std::to_string(value));
      if (varies)
        parameters.push_back(static_cast<int64_t>(value));
    }
    line("pifo.table " + std::string(varies ? "variable " : "") + "@" + name +
         " by " + key + " = dense<[" + list + "]> : tensor<" +
         std::to_string(values.size()) + "xi64>");
  }
  std::string load(const std::string &name, const char *type = "i64") {
    return value("pifo.load @" + name + " : " + type);
  }
  void store(const std::string &what, const std::string &name,
             const char *type = "i64") {
    line("pifo.store " + what + ", @" + name + " : " + type);
  }
  std::string op(const char *name, const std::string &a, const std::string &b,
                 const char *type = "i64") {
    return value("arith." + std::string(name) + " " + a + ", " + b + " : " +
                 type);
  }
  std::string compare(const char *how, const std::string &a,
                      const std::string &b, const char *type = "i64") {
    return value("arith.cmpi " + std::string(how) + ", " + a + ", " + b +
                 " : " + type);
  }
  std::string choose(const std::string &condition, const std::string &a,
                     const std::string &b, const char *type = "i64") {
    return value("arith.select " + condition + ", " + a + ", " + b + " : " +
                 type);
  }
  std::string both(const std::string &a, const std::string &b) {
    return op("andi", a, b, "i1");
  }
  std::string invert(const std::string &a) {
    return op("xori", a, value("arith.constant true"), "i1");
  }
  /// One of two computations of an i64.
  template <typename Then, typename Else>
  std::string either(const std::string &condition, Then then, Else other) {
    std::string result = "%" + std::to_string(next++);
    open(result + " = scf.if " + condition + " -> (i64) {");
    line("scf.yield " + then() + " : i64");
    --indent;
    open("} else {");
    line("scf.yield " + other() + " : i64");
    close();
    return result;
  }

  std::string out;
  size_t indent = 0;
  unsigned next = 0;
  /// Whether numbers that may change are parameters; whether their values are
  /// left out of the text, to compare it with others.
  bool living = false, masks = false;
  std::vector<int64_t> parameters;
};

/// Policies that decide at dequeue (Late.cpp).
class LateWriter : protected TextWriter {
protected:
  void lateOrder(const Policy &policy);
  /// How many nodes that decide late stand above; of htb, of which one lends.
  unsigned lateDepth = 0;
  /// Whether classes of hfsc have upper limits.
  bool limited = false;

private:
  std::string childNumber();
  void finishTimes(const Policy &policy);
  std::string aheadOf(const std::string &time, const std::string &now);
  std::string cost(const Policy &policy);
  std::string credit(const Policy &policy, const std::string &turn,
                     const std::string &child);
  void deficits(const Policy &policy);
  void selectDeficit(const Policy &policy);
  void buckets(const Policy &policy);
  struct BucketNow {
    /// What it lacks, i64; whether something may leave; what it holds when
    /// full.
    std::string lacks, isOpen, full;
  };
  BucketNow bucketNow(const char *name, const std::string &now);
  std::string openTime(const char *name, const BucketNow &bucket,
                       const std::string &now);
  std::string charged(const char *name, const BucketNow &bucket);
  void selectBucket();
  void chargeBuckets();
  // Curves.cpp
  void serviceCurves(const Policy &policy);
  void curveStates(const Policy &policy);
  void curveTables(const std::string &of, const Policy &policy);
  std::vector<std::string> curveKinds() const;
  void wakeCurve(const std::string &of, const std::string &now);
  void selectCurve();
  void chargeCurve();
  struct Line {
    /// The last nanosecond in which it has not passed what was served, and how
    /// much is missing then, in units, less than it gains in a nanosecond. i64.
    std::string time, missing;
  };
  struct CurveNow {
    /// The first and the rest of the deadline curve, and the eligible one of
    /// convex real-time curves. i1.
    Line first, rest, eligible;
    std::string isConvex;
  };
  struct Fit {
    std::string fits, again;
  };
  CurveNow curveFrom(const std::string &of, const std::string &isConvex,
                     const std::string &time);
  CurveNow curveNow(const std::string &of);
  void storeCurve(const std::string &of, const CurveNow &curve);
  Line chooseLine(const std::string &when, const Line &one, const Line &other);
  Line lowerLine(const Line &one, const Line &other);
  std::string reachedAt(const Line &line);
  std::string reachedAt(const CurveNow &curve);
  Line charged(const Line &line, const std::string &each,
               const std::string &amount);
  CurveNow charged(const std::string &of, const CurveNow &curve,
                   const std::string &amount);
  std::string hasCurve(const std::string &of);
  Fit upperFit(const std::string &eligible, const std::string &now);
  void advanceClock(const char *name, const std::string &when);
};

class Printer : private LateWriter {
public:
  explicit Printer(const Program &program, bool masked = false)
      : program(program), longest(longestPacket(program)) {
    living = program.isLiving;
    masks = masked;
    limited = program.hasUpper;
  }
  std::string run();
  const std::vector<int64_t> &values() const { return parameters; }

private:
  const Field &field(const std::string &name) const {
    for (const Field &field : program.fields)
      if (field.name == name)
        return field;
    return length;
  }
  std::string rankOf(const Policy &policy) const;
  void order(const Policy &policy);
  void node(const Policy &policy, const std::string &name,
            const std::vector<const Condition *> &before, bool isRoot);
  std::string holds(const Condition &condition);
  void predicate(const Policy &policy,
                 const std::vector<const Condition *> &before);
  void fair(const Policy &policy);
  void turns(const Policy &policy);
  uint64_t turnsOf(const Policy &policy) const;
  std::string carry(const std::string &after, const std::string &before,
                    const std::string &upper);
  void shaping(const Shape &shape, const std::string &transaction,
               const std::string &prefix = "", const std::string &field = "");
  void eligibility(const Policy &policy);
  void admission(const Policy &policy);
  void eviction(const Policy &policy);
  void evictFair(const Policy &policy);

  // Queues.cpp
  std::string limits(const Policy &policy);
  void delivery(const Policy &policy);
  void markStep(const Step &step);
  void codelStates(const Codel &codel);
  void deliverCodel(const Codel &codel);
  std::string squareRoot(const std::string &number, uint64_t most);
  // Random.cpp
  void redStates(const Red &red);
  std::string redAverage(const Red &red);
  std::string admitRed(const Red &red);
  void pieStates(const Pie &pie);
  void updatePie(const Pie &pie, const std::string &now,
                 const std::string &delay);
  std::string admitPie(const Pie &pie);
  void deliverPie(const Pie &pie);
  std::string draw(const std::string &state, unsigned bits,
                   const std::string &when);
  std::string decay(const std::string &number, const std::string &times,
                    uint64_t factor, unsigned bits);
  std::string mark(const std::string &field, const std::string &when);
  std::set<std::string> marked;
  /// Whether the scheduler pushes out: among equal ranks the worst is what
  /// comes, which a scheduler that refuses says for less. Only where packets
  /// are judged before it is known whether the scheduler is full must it be
  /// told; and where packets wait for their times, the worst is another.
  bool pushesOut() const {
    const Policy &root = program.root;
    bool judges = !root.limits.empty() || root.red || root.pie;
    bool waits = root.pace || !root.notBefore.empty();
    return !program.refuses && (root.kind != Policy::Fifo || judges || waits);
  }

  const Program &program;
  uint64_t longest;
  /// Packets have a length whether or not the policy declares it.
  Field length{"length", 16, 0};
};

} // namespace nm::policy

#endif // NM_LIB_IMPORT_PIFOPOLICY_PRINTER_H
