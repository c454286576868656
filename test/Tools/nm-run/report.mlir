// The report for people, the one for programs, remarks, and MLIR's own options.
// RUN: rm -rf %t && mkdir -p %t && %python %S/Inputs/params.py %t
// RUN: nm-run %s --params %t/sparse.safetensors --input %t/x.npy --expect %t/sparse.npy --report --json %t/report.json \
// RUN:   --repeat 5 --threads 2 | FileCheck %s --check-prefix=REPORT
// REPORT: model       {{.*}}report.mlir
// REPORT-NEXT: function    f(x: tensor<4x16xf32>) -> (tensor<4x8xf32>)
// REPORT-NEXT: target      {{.*}}, 2 threads
// REPORT-NEXT: parameters  1, {{.*}} packed, 512 B dense; cache off
// REPORT-NEXT:   key     shape    dtype  pattern     layout
// REPORT-NEXT:   weight  [8, 16]  f32    2:4 axis 1
// REPORT: matmuls     1 raised to nm.matmul, 0 left
// REPORT: nm-declare-sparsity passed {{.*}}report.mlir:{{[0-9]+}}:{{[0-9]+}}
// REPORT: nm-raise            passed {{.*}}report.mlir:{{[0-9]+}}:{{[0-9]+}}
// REPORT: passes      {{[0-9]+}}, {{[0-9.]+}} ms
// REPORT:   nm-raise {{.*}} ms
// REPORT: compile     {{[0-9.]+}} ms: passes {{[0-9.]+}}, LLVM {{[0-9.]+}}, linking
// REPORT: load
// REPORT: result 0    max abs error {{.*}} elements)
// REPORT: run         median {{.*}} 5 runs after warm-up
// RUN: %python %S/Inputs/check_report.py %t/report.json

// RUN: nm-run %s --params %t/sparse.safetensors --input %t/x.npy --remarks-filter=nm-raise --remarks-output-file=%t/remarks.yaml 2>&1 | FileCheck %s --check-prefix=REMARK
// REMARK: remark: {{.*}}report.mlir:{{[0-9]+}}:{{[0-9]+}}: [passed] nm-raise:
// REMARK-NOT: nm-declare-sparsity
// RUN: FileCheck %s --check-prefix=YAML --input-file %t/remarks.yaml
// YAML: --- !Passed
// YAML: Pass: {{ *}}nm-

// Densely: said, and the weight stays as it is.
// RUN: nm-run %s --params %t/sparse.safetensors --input %t/x.npy --expect %t/sparse.npy --report --dense | FileCheck %s --check-prefix=DENSE
// DENSE: model       {{.*}}report.mlir, dense
// DENSE: run         median {{.*}} 1 cold run

// A failed comparison still gives its report.
// RUN: not nm-run %s --params %t/sparse.safetensors --input %t/x.npy --expect %t/dense.npy --report --json %t/failed.json 2>&1 | FileCheck %s --check-prefix=FAILED
// FAILED: result 0    max abs error {{.*}}: FAILED
// FAILED: error: result 0 differs from
// RUN: FileCheck %s --check-prefix=FAILED-JSON --input-file %t/failed.json
// FAILED-JSON: "passed": false

// RUN: nm-run %s --params %t/sparse.safetensors --input %t/x.npy --mlir-print-ir-after=nm-raise 2>&1 | FileCheck %s --check-prefix=IR
// IR: IR Dump After {{.*}}(nm-raise)
// IR: nm.matmul
// RUN: nm-run --help | FileCheck %s --check-prefix=HELP
// HELP: nm-run: compiles a model with N:M sparse weights
// HELP: Data:
// HELP: --expect=<[i=]file.npy>
// HELP: Masks:
// HELP: --json=<file>
// HELP-NOT: {{^}}  --{{(aarch64|x86|enable)}}-

func.func @f(%x: tensor<4x16xf32>) -> tensor<4x8xf32> {
  %w = nm.param "weight" : tensor<8x16xf32>
  %t = tensor.empty() : tensor<16x8xf32>
  %wt = linalg.transpose ins(%w : tensor<8x16xf32>) outs(%t : tensor<16x8xf32>) permutation = [1, 0]
  %e = tensor.empty() : tensor<4x8xf32>
  %z = arith.constant 0.0 : f32
  %i = linalg.fill ins(%z : f32) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  %0 = linalg.matmul ins(%x, %wt : tensor<4x16xf32>, tensor<16x8xf32>) outs(%i : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}
