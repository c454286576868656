// Checkpoints, scopes, masks, the cache, and what goes wrong with them.
// RUN: rm -rf %t && mkdir -p %t
// RUN: %python %S/Inputs/params.py %t
// RUN: nm-run %s --entry f --params %t/sparse.safetensors --input %t/x.npy --expect %t/sparse.npy
// RUN: nm-run %s --entry f --params %t/sparse.safetensors --input %t/x.npy --expect %t/sparse.npy --dense
// RUN: nm-run %s --entry f --params %t/sparse.safetensors --input %t/x.npy --expect %t/sparse.npy --reference
// RUN: nm-run %s --entry f --params %t/sparse.safetensors --input %t/x.npy --expect %t/sparse.npy --target-cpu=%{old_cpu}
// RUN: nm-run %s --entry f --params %t/sparse.npz --input %t/x.npy --expect %t/sparse.npy
// RUN: nm-run %s --entry f --params %t/sparse.safetensors --input %t/x.npy --expect %t/sparse.npy --pattern 2:4

// Explicit masks of any name and form.
// RUN: nm-run %s --entry f --params %t/masked.safetensors --input %t/x.npy --expect %t/sparse.npy
// RUN: nm-run %s --entry f --params %t/masked.safetensors --input %t/x.npy --expect %t/sparse.npy --mask-policy=require
// RUN: nm-run %s --entry f --params %t/suffix.safetensors --input %t/x.npy --expect %t/sparse.npy --mask-suffix=.keep
// RUN: nm-run %s --entry f --params %t/msb.safetensors --input %t/x.npy --expect %t/sparse.npy --mask-bit-order=msb
// RUN: nm-run %s --entry f --params %t/dense.safetensors --input %t/x.npy --expect %t/sparse.npy --mask-policy=derive --pattern 2:4
// RUN: nm-run %s --entry f --params %t/dense.safetensors --input %t/x.npy --expect %t/dense.npy
// RUN: not nm-run %s --entry f --params %t/dense.safetensors --input %t/x.npy --pattern 2:4 2>&1 | FileCheck %s --check-prefix=OVERFULL
// OVERFULL: error: {{.*}}weight
// RUN: not nm-run %s --entry f --params %t/dense.safetensors --input %t/x.npy --mask-policy=sometimes 2>&1 | FileCheck %s --check-prefix=POLICY
// POLICY: error: --mask-policy is 'sometimes'; expected if-present, require, derive or ignore

// The second run maps what the first one wrote.
// RUN: mkdir %t/cache
// RUN: nm-run %s --entry f --params %t/sparse.safetensors --input %t/x.npy --expect %t/sparse.npy --cache=%t/cache --report | FileCheck %s --check-prefix=WRITTEN
// WRITTEN: dense; cache written
// RUN: nm-run %s --entry f --params %t/sparse.safetensors --input %t/x.npy --expect %t/sparse.npy --cache=%t/cache --report | FileCheck %s --check-prefix=HIT
// HIT: dense; cache hit

// RUN: nm-run %s --entry scopes --params a=%t/sparse.safetensors --params b=%t/dense.safetensors --input %t/x.npy --expect %t/sum.npy
// RUN: not nm-run %s --entry scopes --params a=%t/sparse.safetensors --input %t/x.npy 2>&1 | FileCheck %s --check-prefix=SCOPE
// SCOPE: error: {{.*}}'b'
// RUN: not nm-run %s --entry f --input %t/x.npy 2>&1 | FileCheck %s --check-prefix=NONE
// NONE: error: function 'f' reads 1 parameters, such as 'weight', from a checkpoint; give --params model.safetensors
// RUN: not nm-run %s --entry f --params %t/missing.safetensors --input %t/x.npy 2>&1 | FileCheck %s --check-prefix=MISSING
// MISSING: error: {{.*}}missing.safetensors
// RUN: not nm-run %s --entry f --params %t/other.safetensors --input %t/x.npy 2>&1 | FileCheck %s --check-prefix=KEY
// KEY: error: {{.*}}weight
// RUN: not nm-run %s --entry f --params %t/other.safetensors --input %t/x.npy --dense 2>&1 | FileCheck %s --check-prefix=KEY-DENSE
// KEY-DENSE: error: {{.*}}weight
// RUN: not nm-run %s --entry f --params %t/shape.safetensors --input %t/x.npy 2>&1 | FileCheck %s --check-prefix=SHAPE
// SHAPE: error: {{.*}}weight

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

func.func @scopes(%x: tensor<4x16xf32>) -> tensor<8x16xf32> {
  %a = nm.param "weight" in "a" : tensor<8x16xf32>
  %b = nm.param "weight" in "b" : tensor<8x16xf32>
  %e = tensor.empty() : tensor<8x16xf32>
  %0 = linalg.add ins(%a, %b : tensor<8x16xf32>, tensor<8x16xf32>) outs(%e : tensor<8x16xf32>) -> tensor<8x16xf32>
  return %0 : tensor<8x16xf32>
}
