// A C program uses the shared library by the generated header, with parameters from a checkpoint.
// RUN: rm -rf %t && mkdir -p %t
// RUN: %python %S/../nm-run/Inputs/safetensors.py %t/model.safetensors "weight=np.outer(np.arange(1, 5), np.arange(8) %% 2 == 0).astype('f4')"
// RUN: nm-compile %s --params %t/model.safetensors --emit=so -o %t/libmodel.so
// RUN: clang-22 %sanitize_flags -std=c11 -Wall -Wextra -Werror -I%nm_src_root/include -I%t %S/Inputs/use_library.c -o %t/use \
// RUN:   %t/libmodel.so -L%nm_obj_root/lib -lnm_runtime -lm -Wl,-rpath,%t -Wl,-rpath,%nm_obj_root/lib
// RUN: %t/use %t/model.safetensors | FileCheck %s
// CHECK: 0 failures

// The same header serves C++.
// RUN: clang++-22 -x c++ -fsyntax-only -I%nm_src_root/include %t/libmodel.h

// RUN: FileCheck %s --check-prefix=HEADER --input-file %t/libmodel.h
// HEADER: #include "nm/Runtime/nm_runtime.h"
// HEADER: params: 1 checkpoint parameters, loaded by nm_params_load with the text
// HEADER: nm_manifest_linear
// HEADER: int nm_call_linear(const float *x, int64_t x_size0, const struct nm_params *params, nm_memref_2d *result0)
// HEADER: int nm_ciface_a_b(int64_t *result0, int64_t x)
// HEADER-NEXT: __asm__("nm_ciface_a.b");

func.func @linear(%x: tensor<?x8xf32>) -> tensor<?x4xf32> {
  %w = nm.param "weight" : tensor<4x8xf32>
  %t = tensor.empty() : tensor<8x4xf32>
  %wt = linalg.transpose ins(%w : tensor<4x8xf32>) outs(%t : tensor<8x4xf32>) permutation = [1, 0]
  %c0 = arith.constant 0 : index
  %d = tensor.dim %x, %c0 : tensor<?x8xf32>
  %e = tensor.empty(%d) : tensor<?x4xf32>
  %z = arith.constant 0.0 : f32
  %i = linalg.fill ins(%z : f32) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  %0 = linalg.matmul ins(%x, %wt : tensor<?x8xf32>, tensor<8x4xf32>) outs(%i : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// A keyword of C as a name, scalars, two results.
func.func @int(%float: f32, %n: i64, %x: tensor<8xf32>) -> (tensor<8xf32>, i64) {
  %e = tensor.empty() : tensor<8xf32>
  %s = linalg.fill ins(%float : f32) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  %0 = linalg.mul ins(%x, %s : tensor<8xf32>, tensor<8xf32>) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  %c1 = arith.constant 1 : i64
  %1 = arith.addi %n, %c1 : i64
  return %0, %1 : tensor<8xf32>, i64
}

func.func @a.b(%x: i64) -> i64 {
  %0 = arith.addi %x, %x : i64
  return %0 : i64
}
