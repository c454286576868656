// RUN: nm-opt %s --split-input-file --verify-diagnostics | FileCheck %s
// RUN: nm-opt %s --split-input-file --verify-diagnostics --canonicalize | FileCheck %s --check-prefix=FOLDED

// CHECK-LABEL: func.func @ops
// CHECK: nm.require %{{.*}}, "{0} is not {1}"(%{{.*}}, %{{.*}})
// FOLDED-LABEL: func.func @ops
// FOLDED-COUNT-1: nm.require
// FOLDED-NOT: nm.require
func.func @ops(%c: i1, %a: index, %b: index) {
  %true = arith.constant true
  nm.require %c, "{0} is not {1}"(%a, %b)
  nm.require %true, "always holds"
  return
}

// -----

func.func @missing(%c: i1, %a: index) {
  // expected-error@+1 {{nm_require_c1: the message names value 1, but there are 1}}
  nm.require %c, "{0} is not {1}"(%a)
  return
}

// -----

func.func @many(%c: i1, %a: index) {
  // expected-error@+1 {{nm_require_c1: expected at most 4 values, got 5}}
  nm.require %c, "many"(%a, %a, %a, %a, %a)
  return
}
