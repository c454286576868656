//===- Transactions.cpp - Transactions as statements of C -*- C++ -*-===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Transactions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::pifo;
using namespace mlir::pifo::bpf;

static unsigned widthOf(Value value) {
  return value.getType().getIntOrFloatBitWidth();
}

static std::string call(const char *function, const std::string &a,
                        const std::string &b) {
  return std::string(function) + "(" + a + ", " + b + ")";
}

/// Without bits above the width.
static std::string cut(const std::string &value, unsigned width) {
  return width == 64 ? value : call("PIFO_BITS", value, std::to_string(width));
}

static std::string asSigned(const std::string &value, unsigned width) {
  return width == 64 ? "(s64)" + value
                     : call("PIFO_SIGNED", value, std::to_string(width));
}

static const char *signOf(arith::CmpIPredicate predicate) {
  switch (predicate) {
  case arith::CmpIPredicate::eq:
    return "==";
  case arith::CmpIPredicate::ne:
    return "!=";
  case arith::CmpIPredicate::slt:
  case arith::CmpIPredicate::ult:
    return "<";
  case arith::CmpIPredicate::sle:
  case arith::CmpIPredicate::ule:
    return "<=";
  case arith::CmpIPredicate::sgt:
  case arith::CmpIPredicate::ugt:
    return ">";
  case arith::CmpIPredicate::sge:
  case arith::CmpIPredicate::uge:
    return ">=";
  }
  llvm_unreachable("a predicate of arith.cmpi");
}

static bool isSigned(arith::CmpIPredicate predicate) {
  return predicate == arith::CmpIPredicate::slt ||
         predicate == arith::CmpIPredicate::sle ||
         predicate == arith::CmpIPredicate::sgt ||
         predicate == arith::CmpIPredicate::sge;
}

/// Quotients, remainders and shifts, which C leaves open in part.
std::string StatementPrinter::integers(Operation *op) {
  std::string left = name(op->getOperand(0)), right = name(op->getOperand(1));
  unsigned width = widthOf(op->getOperand(0));
  std::string bits = std::to_string(width), most = std::to_string(width - 1);
  std::string leftSigned = asSigned(left, width);
  std::string rightSigned = asSigned(right, width);
  auto within = [&](const std::string &shifted) {
    return "(" + right + " < " + bits + " ? " + shifted + " : 0)";
  };
  return llvm::TypeSwitch<Operation *, std::string>(op)
      .Case([&](arith::DivUIOp) {
        return cut(call("pifo_divide", left, right), width);
      })
      .Case([&](arith::RemUIOp) { return call("pifo_rest_of", left, right); })
      .Case([&](arith::DivSIOp) {
        // The largest number of the width, not of 64 bits.
        std::string divided =
            cut(call("pifo_divide_signed", leftSigned, rightSigned), width);
        std::string largest =
            width == 1 ? "0ULL"
                       : "(~0ULL >> " + std::to_string(65 - width) + ")";
        return "(" + right + " ? " + divided + " : " + largest + ")";
      })
      .Case([&](arith::RemSIOp) {
        return cut(call("pifo_rest_of_signed", leftSigned, rightSigned), width);
      })
      .Case([&](arith::ShLIOp) {
        return within(cut("(" + left + " << " + right + ")", width));
      })
      .Case([&](arith::ShRUIOp) { return within(left + " >> " + right); })
      .Case([&](arith::ShRSIOp) {
        return cut("(u64)(" + leftSigned + " >> (" + right + " < " + most +
                       " ? " + right + " : " + most + "))",
                   width);
      });
}

std::string StatementPrinter::arithmetic(Operation *op) {
  auto plain = [&](const char *sign) {
    return cut("(" + name(op->getOperand(0)) + " " + sign + " " +
                   name(op->getOperand(1)) + ")",
               widthOf(op->getResult(0)));
  };
  unsigned width = op->getNumOperands() ? widthOf(op->getOperand(0)) : 0;
  auto left = [&] { return name(op->getOperand(0)); };
  auto right = [&] { return name(op->getOperand(1)); };
  auto leftSigned = [&] { return asSigned(left(), width); };
  auto rightSigned = [&] { return asSigned(right(), width); };
  auto either = [&](const std::string &condition) {
    return "(" + condition + " ? " + left() + " : " + right() + ")";
  };
  return llvm::TypeSwitch<Operation *, std::string>(op)
      .Case([&](arith::AddIOp) { return plain("+"); })
      .Case([&](arith::SubIOp) { return plain("-"); })
      .Case([&](arith::MulIOp) { return plain("*"); })
      .Case([&](arith::AndIOp) { return plain("&"); })
      .Case([&](arith::OrIOp) { return plain("|"); })
      .Case([&](arith::XOrIOp) { return plain("^"); })
      .Case([&](arith::CmpIOp compare) {
        bool isOrder = isSigned(compare.getPredicate());
        std::string sign = signOf(compare.getPredicate());
        return "(u64)(" + (isOrder ? leftSigned() : left()) + " " + sign + " " +
               (isOrder ? rightSigned() : right()) + ")";
      })
      .Case([&](arith::MaxUIOp) { return either(left() + " > " + right()); })
      .Case([&](arith::MinUIOp) { return either(left() + " < " + right()); })
      .Case([&](arith::MaxSIOp) {
        return either(leftSigned() + " > " + rightSigned());
      })
      .Case([&](arith::MinSIOp) {
        return either(leftSigned() + " < " + rightSigned());
      })
      .Case([&](arith::SelectOp select) {
        return "(" + name(select.getCondition()) + " ? " +
               name(select.getTrueValue()) + " : " +
               name(select.getFalseValue()) + ")";
      })
      .Case([&](arith::ExtUIOp) { return left(); })
      .Case([&](arith::ExtSIOp extend) {
        return cut("(u64)" + leftSigned(), widthOf(extend.getResult()));
      })
      .Case([&](arith::TruncIOp truncate) {
        return cut(left(), widthOf(truncate.getResult()));
      })
      .Case([&](arith::ConstantOp constant) {
        APInt value = cast<IntegerAttr>(constant.getValue()).getValue();
        return std::to_string(value.getZExtValue()) + "ULL";
      })
      .Default([&](Operation *other) { return integers(other); });
}

std::string StatementPrinter::access(Operation *symbol, FlatSymbolRefAttr key,
                                     bool byChild) {
  std::string text = tree.nameOf(symbol);
  if (!key && !byChild)
    return text;
  auto owner = dyn_cast<NodeOp>(symbol->getParentOp());
  uint64_t size = tree.entries(key, byChild, owner);
  std::string index =
      byChild ? "child" : "packet->field_" + identifier(key.getValue());
  return text + "[" + call("PIFO_WITHIN", index, std::to_string(size)) + "]";
}

std::string StatementPrinter::expression(Operation *op) {
  NodeOp owner = tree.nodes[node].op;
  return llvm::TypeSwitch<Operation *, std::string>(op)
      .Case([&](ReadFieldOp read) {
        return "packet->field_" + identifier(read.getField());
      })
      .Case([&](NowOp) { return std::string("now"); })
      .Case([&](RankOp read) { return cut("rank", widthOf(read.getResult())); })
      .Case([&](ChildOp) { return std::string("child"); })
      .Case([&](WaitingOp) {
        return "*pifo_waiting_of(" +
               std::to_string(tree.nodes[node].firstChild) + " + child)";
      })
      .Case([&](InsideOp read) {
        BacklogOp backlog = owner.getBacklog(read.getBacklog());
        return access(backlog, backlog.getKeyAttr(), false);
      })
      .Case(
          [&](RoomOp) { return std::string("(u64)PIFO_CAPACITY - pifo_size"); })
      .Case([&](LookupOp lookup) {
        TableOp table = owner.getTable(lookup.getTable());
        return access(table, table.getKeyAttr(), table.isByChild());
      })
      .Case([&](LoadOp load) {
        StateOp state = owner.getState(load.getState());
        return access(state, state.getKeyAttr(), state.getByChild());
      })
      .Default([&](Operation *other) { return arithmetic(other); });
}

void StatementPrinter::define(Value result, const std::string &expression) {
  std::string made = fresh();
  line() << "u64 " << made << " = " << expression << ";\n";
  names[result] = made;
}

void StatementPrinter::printBranch(Operation *op) {
  auto branch = cast<scf::IfOp>(op);
  for (Value result : branch.getResults()) {
    names[result] = fresh();
    line() << "u64 " << name(result) << ";\n";
  }
  auto side = [&](Region &region) {
    ++indent;
    SmallVector<std::string> yielded;
    if (!region.empty())
      yielded = printBlock(region.front());
    for (auto [result, value] : llvm::zip(branch.getResults(), yielded))
      line() << name(result) << " = " << value << ";\n";
    --indent;
  };
  line() << "if (" << name(branch.getCondition()) << ") {\n";
  side(branch.getThenRegion());
  line() << "} else {\n";
  side(branch.getElseRegion());
  line() << "}\n";
}

void StatementPrinter::printOp(Operation *op) {
  NodeOp owner = tree.nodes[node].op;
  if (isa<scf::IfOp>(op))
    return printBranch(op);
  if (auto store = dyn_cast<StoreOp>(op)) {
    StateOp state = owner.getState(store.getState());
    line() << access(state, state.getKeyAttr(), state.getByChild()) << " = "
           << name(store.getValue()) << ";\n";
  } else if (auto write = dyn_cast<WriteFieldOp>(op)) {
    line() << (isDequeue ? "pifo_out.field_" : "packet->field_")
           << identifier(write.getField()) << " = " << name(write.getValue())
           << ";\n";
  } else if (auto offer = dyn_cast<OfferOp>(op)) {
    names[offer.getRank()] = "rank";
    names[offer.getTie()] = "tie";
  } else {
    define(op->getResult(0), expression(op));
  }
}

SmallVector<std::string> StatementPrinter::printBlock(Block &block) {
  for (Operation &op : block.without_terminator())
    if (live.contains(&op))
      printOp(&op);
  SmallVector<std::string> yielded;
  for (Value value : block.getTerminator()->getOperands())
    yielded.push_back(name(value));
  return yielded;
}

/// From the end, as uses come behind what they use.
void StatementPrinter::findLive(Block &block) {
  for (Operation &op : llvm::reverse(block)) {
    bool isUsed = llvm::any_of(
        op.getUsers(), [&](Operation *user) { return live.contains(user); });
    if (isUsed || op.getNumResults() == 0 || isa<scf::IfOp>(op))
      live.insert(&op);
    for (Region &region : op.getRegions())
      for (Block &inner : region)
        findLive(inner);
  }
}

SmallVector<std::string> StatementPrinter::print(Region &region) {
  isDequeue = isa<DequeueOp>(region.getParentOp());
  findLive(region.front());
  return printBlock(region.front());
}
