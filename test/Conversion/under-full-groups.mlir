// Upstream's lowering of structured[2, 4] reads two elements of every group,
// wherever they are: the first group of row 0 holds one non-zero only, so every
// later element of the array moves up by one, and row 0 ends with the first
// element of row 1. It should be 1 + 7 + 5 = 13 and is 14.

// RUN: split-file %s %t

// RUN: mlir-opt %t/upstream.mlir --sparsifier \
// RUN:   | mlir-runner -e main -entry-point-result=void \
// RUN:       -shared-libs=%llvm_lib_dir/libmlir_c_runner_utils.so \
// RUN:   | FileCheck %s --check-prefix=UPSTREAM
// UPSTREAM: 14

// RUN: nm-opt %t/nm.mlir --nm-lower-to-linalg \
// RUN:   | mlir-opt --one-shot-bufferize=bufferize-function-boundaries \
// RUN:       --convert-linalg-to-loops --expand-strided-metadata --lower-affine \
// RUN:       --convert-scf-to-cf --convert-vector-to-llvm --finalize-memref-to-llvm \
// RUN:       --convert-func-to-llvm --convert-arith-to-llvm --convert-cf-to-llvm \
// RUN:       --convert-index-to-llvm --reconcile-unrealized-casts \
// RUN:   | mlir-runner -e main -entry-point-result=void \
// RUN:       -shared-libs=%llvm_lib_dir/libmlir_c_runner_utils.so \
// RUN:   | FileCheck %s --check-prefix=NM
// NM: 13

// Going to sparse_tensor by our own conversion gives what upstream gives, and the
// conversion has said so.
// RUN: nm-opt %t/nm.mlir --convert-nm-to-sparse-tensor 2>&1 >/dev/null \
// RUN:   | FileCheck %s --check-prefix=WARNING
// WARNING: warning: upstream's lowering of structured[N, M] levels takes every group for full

//--- upstream.mlir
// crdWidth = 8 bounds the coordinate that is read past the end of the array, and
// the 300 rows around %x what is read with it.
#NV24 = #sparse_tensor.encoding<{
  map = (i, j) -> (i : dense, j floordiv 4 : dense, j mod 4 : structured[2, 4]), crdWidth = 8
}>
func.func @product(%w: tensor<2x8xf32>, %x: tensor<8x1xf32>) -> tensor<2x1xf32> {
  %zero = arith.constant 0.0 : f32
  %s = sparse_tensor.convert %w : tensor<2x8xf32> to tensor<2x8xf32, #NV24>
  %empty = tensor.empty() : tensor<2x1xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<2x1xf32>) -> tensor<2x1xf32>
  %r = linalg.matmul ins(%s, %x : tensor<2x8xf32, #NV24>, tensor<8x1xf32>)
                     outs(%init : tensor<2x1xf32>) -> tensor<2x1xf32>
  return %r : tensor<2x1xf32>
}
func.func @main() {
  %c0 = arith.constant 0 : index
  %w = arith.constant dense<[[0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 7.0, 5.0],
                             [1.0, 0.0, 0.0, 6.0, 3.0, 4.0, 0.0, 0.0]]> : tensor<2x8xf32>
  %ones = arith.constant dense<1.0> : tensor<300x1xf32>
  %x = tensor.extract_slice %ones[0, 0] [8, 1] [1, 1] : tensor<300x1xf32> to tensor<8x1xf32>
  %r = call @product(%w, %x) : (tensor<2x8xf32>, tensor<8x1xf32>) -> tensor<2x1xf32>
  %v = tensor.extract %r[%c0, %c0] : tensor<2x1xf32>
  vector.print %v : f32
  return
}

//--- nm.mlir
#s = #nm.sparsity<2:4, axis = 1>
func.func @product(%w: tensor<2x8xf32>, %x: tensor<8x1xf32>) -> tensor<2x1xf32> {
  %s = nm.compress %w : tensor<2x8xf32> to tensor<2x8xf32, #s>
  %empty = tensor.empty() : tensor<2x1xf32>
  %r = nm.matmul ins(%s, %x : tensor<2x8xf32, #s>, tensor<8x1xf32>)
                 outs(%empty : tensor<2x1xf32>) -> tensor<2x1xf32>
  return %r : tensor<2x1xf32>
}
func.func @main() {
  %c0 = arith.constant 0 : index
  %w = arith.constant dense<[[0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 7.0, 5.0],
                             [1.0, 0.0, 0.0, 6.0, 3.0, 4.0, 0.0, 0.0]]> : tensor<2x8xf32>
  %ones = arith.constant dense<1.0> : tensor<300x1xf32>
  %x = tensor.extract_slice %ones[0, 0] [8, 1] [1, 1] : tensor<300x1xf32> to tensor<8x1xf32>
  %r = call @product(%w, %x) : (tensor<2x8xf32>, tensor<8x1xf32>) -> tensor<2x1xf32>
  %v = tensor.extract %r[%c0, %c0] : tensor<2x1xf32>
  vector.print %v : f32
  return
}
