// RUN: nm-opt %s --nm-attach-target=target=x86-64-avx2 --flat-select-dataflow | FileCheck %s
// RUN: nm-opt %s --flat-select-dataflow=target=edge | FileCheck %s --check-prefix=EDGE
// RUN: nm-opt %s --flat-select-dataflow=target=edge --remarks-filter=flat-select-dataflow -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: not nm-opt %s --flat-select-dataflow=target=nowhere 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not nm-opt %s --flat-select-dataflow=assume-length=0 2>&1 | FileCheck %s --check-prefix=LENGTH

// RUN: not nm-opt %s --flat-select-dataflow=objective=power 2>&1 | FileCheck %s --check-prefix=OBJECTIVE
// RUN: not nm-opt %s --flat-select-dataflow=within=101 2>&1 | FileCheck %s --check-prefix=WITHIN
// RUN: not nm-opt %s --flat-select-dataflow=then=energy 2>&1 | FileCheck %s --check-prefix=THEN

// What is chosen is the best of what the search says, whatever is least.
// RUN: %python %S/Inputs/objectives.py %s

// OBJECTIVE: error: flat-select-dataflow: objective is 'power', expected time, energy, edp or capacity
// WITHIN: error: flat-select-dataflow: within is 101, expected 0 to 100 percent
// THEN: error: flat-select-dataflow: then is 'energy' and within is 0: it has no effect
// UNKNOWN: error: flat-select-dataflow: {{.*}}nowhere
// LENGTH: error: flat-select-dataflow: assume-length must be positive, got 0

// The description of the module's processor, not of the one that compiles.
module attributes {nm.target = #nm.cpu<arch = "x86_64", features = "avx2,fma", vector = 256, registers = 16, l1 = 32768,
    l2 = 524288, l3 = 33554432, line = 64, cores = 2>} {

// All keys of a block of rows fit the second cache; on the accelerator the model stages logits.
// CHECK-LABEL: func @short(
// CHECK: dataflow #flat.dataflow<row, rows = {{[0-9]+}}, staged = [q, k, v, logits, o]>
// EDGE-LABEL: func @short(
// EDGE: dataflow #flat.dataflow<row, rows = {{[0-9]+}}, staged = [{{.*}}logits{{.*}}]
// REMARK: remark: [Passed] dataflow | Category:flat-select-dataflow | bound=array, chosen="row, rows = {{[0-9]+}}, {{.*}}target=edge
// REMARK: remark: [Missed] dataflow-rejected | Category:flat-select-dataflow | Reason="{{[0-9]+}} cycles, {{[0-9.]+}} times as many as the chosen one"
// REMARK: remark: [Missed] dataflow-rejected | Category:flat-select-dataflow | Reason="at least {{[0-9]+}} live bytes, more than the 524288 of the scratchpad"
func.func @short(%q: tensor<1x12x512x64xf32>, %o: tensor<1x12x512x64xf32>) -> tensor<1x12x512x64xf32> {
  %r = flat.attention ins(%q, %q, %q : tensor<1x12x512x64xf32>, tensor<1x12x512x64xf32>, tensor<1x12x512x64xf32>) outs(%o : tensor<1x12x512x64xf32>) -> tensor<1x12x512x64xf32>
  return %r : tensor<1x12x512x64xf32>
}

// Whole rows of so many keys leave the cache, whatever their number.
// CHECK-LABEL: func @long(
// CHECK: dataflow #flat.dataflow<row, rows = {{[0-9]+}}, key_tile = {{[0-9]+}}, staged
func.func @long(%q: tensor<1x12x65536x64xf32>, %o: tensor<1x12x65536x64xf32>) -> tensor<1x12x65536x64xf32> {
  %r = flat.attention ins(%q, %q, %q : tensor<1x12x65536x64xf32>, tensor<1x12x65536x64xf32>, tensor<1x12x65536x64xf32>) outs(%o : tensor<1x12x65536x64xf32>) -> tensor<1x12x65536x64xf32>
  return %r : tensor<1x12x65536x64xf32>
}

// A length that is not known might be any.
// CHECK-LABEL: func @open(
// CHECK: dataflow #flat.dataflow<row, rows = {{[0-9]+}}, key_tile = {{[0-9]+}}, staged
func.func @open(%q: tensor<1x12x?x64xf32>, %o: tensor<1x12x?x64xf32>) -> tensor<1x12x?x64xf32> {
  %r = flat.attention ins(%q, %q, %q : tensor<1x12x?x64xf32>, tensor<1x12x?x64xf32>, tensor<1x12x?x64xf32>) outs(%o : tensor<1x12x?x64xf32>) -> tensor<1x12x?x64xf32>
  return %r : tensor<1x12x?x64xf32>
}

// What somebody chose stays.
// CHECK-LABEL: func @chosen(
// CHECK: dataflow #flat.dataflow<head>
func.func @chosen(%q: tensor<1x12x512x64xf32>, %o: tensor<1x12x512x64xf32>) -> tensor<1x12x512x64xf32> {
  %r = flat.attention ins(%q, %q, %q : tensor<1x12x512x64xf32>, tensor<1x12x512x64xf32>, tensor<1x12x512x64xf32>) outs(%o : tensor<1x12x512x64xf32>) dataflow #flat.dataflow<head> -> tensor<1x12x512x64xf32>
  return %r : tensor<1x12x512x64xf32>
}
}
