// nm.compress of a value that only the run knows stops at an over-full group,
// and lets under-full ones pass.

// RUN: nm-opt %s --nm-lower-to-linalg \
// RUN:   | mlir-opt --one-shot-bufferize=bufferize-function-boundaries \
// RUN:       --convert-linalg-to-loops --expand-strided-metadata --lower-affine \
// RUN:       --convert-scf-to-cf --convert-vector-to-llvm --finalize-memref-to-llvm \
// RUN:       --convert-func-to-llvm --convert-arith-to-llvm --convert-cf-to-llvm \
// RUN:       --convert-index-to-llvm --reconcile-unrealized-casts -o %t
// RUN: mlir-runner %t -e under_full -entry-point-result=void \
// RUN:     -shared-libs=%llvm_lib_dir/libmlir_c_runner_utils.so | FileCheck %s
// RUN: not --crash stdbuf -oL mlir-runner %t -e over_full -entry-point-result=void \
// RUN:     -shared-libs=%llvm_lib_dir/libmlir_c_runner_utils.so 2>&1 | FileCheck %s --check-prefix=OVER

// CHECK: 5
// OVER: nm.compress: a group of 4 holds more than 2 non-zeros

func.func @sum(%w: tensor<2x4xf32>) {
  %s = nm.compress %w : tensor<2x4xf32> to tensor<2x4xf32, #nm.sparsity<2:4, axis = 1>>
  %d = nm.decompress %s : tensor<2x4xf32, #nm.sparsity<2:4, axis = 1>> to tensor<2x4xf32>
  %p = nm.prune %d to <2:4, axis = 1> : tensor<2x4xf32>
  %zero = arith.constant dense<0.0> : tensor<f32>
  %r = linalg.reduce ins(%p : tensor<2x4xf32>) outs(%zero : tensor<f32>) dimensions = [0, 1]
    (%a: f32, %b: f32) {
      %t = arith.addf %a, %b : f32
      linalg.yield %t : f32
    }
  %v = tensor.extract %r[] : tensor<f32>
  vector.print %v : f32
  return
}

func.func @under_full() {
  %w = arith.constant dense<[[0.0, -0.0, 0.0, 2.0], [1.0, 2.0, 0.0, -0.0]]> : tensor<2x4xf32>
  call @sum(%w) : (tensor<2x4xf32>) -> ()
  return
}

func.func @over_full() {
  %w = arith.constant dense<[[3.0, 1.0, 0.0, 2.0], [1.0, 2.0, 0.0, -0.0]]> : tensor<2x4xf32>
  call @sum(%w) : (tensor<2x4xf32>) -> ()
  return
}
