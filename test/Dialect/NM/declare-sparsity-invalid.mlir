// RUN: %python %S/Inputs/declare-sparsity.py %t.safetensors
// RUN: nm-opt %s --nm-declare-sparsity=params=m=%t.safetensors --split-input-file --verify-diagnostics
// RUN: not nm-opt %s --nm-declare-sparsity=params=%t.missing --split-input-file 2>&1 | FileCheck %s --check-prefix=MISSING
// RUN: not nm-opt %s --nm-declare-sparsity=mask-policy=maybe --split-input-file 2>&1 | FileCheck %s --check-prefix=POLICY
// RUN: not nm-opt %s --nm-declare-sparsity=mask-bit-order=big --split-input-file 2>&1 | FileCheck %s --check-prefix=ORDER
// RUN: not nm-opt %s --nm-declare-sparsity=pattern=5:4 --split-input-file 2>&1 | FileCheck %s --check-prefix=PATTERN
// RUN: not nm-opt %s --nm-declare-sparsity="params=v=%t.safetensors pattern=2:4" --split-input-file 2>&1 | FileCheck %s --check-prefix=GROUP
// RUN: not nm-opt %s --nm-declare-sparsity="params=v=%t.safetensors pattern=3:7" --split-input-file 2>&1 | FileCheck %s --check-prefix=SIZE
// RUN: not nm-opt %s --nm-declare-sparsity="params=v=%t.safetensors pattern=2:4 mask-policy=require" --split-input-file 2>&1 | FileCheck %s --check-prefix=REQUIRE
// RUN: not nm-opt %s --nm-declare-sparsity="params=u=%t.safetensors pattern=2:4" --split-input-file 2>&1 | FileCheck %s --check-prefix=UNSIGNED

// MISSING: error: nm-declare-sparsity: {{.*}}.missing: cannot open
// POLICY: error: nm-declare-sparsity: unknown mask-policy 'maybe', expected if-present, require, derive or ignore
// ORDER: error: nm-declare-sparsity: unknown mask-bit-order 'big', expected lsb or msb
// PATTERN: error: nm-declare-sparsity: pattern must be N:M with 1 <= N <= M <= 64, got '5:4'

func.func @key() -> tensor<8x16xf32> {
  // expected-error-re@below {{'nm.param' op {{.*}}.safetensors: no tensor 'row.weight' among 10 tensors, did you mean 'rows.weight'}}
  %0 = nm.param "row.weight" in "m" : tensor<8x16xf32>
  return %0 : tensor<8x16xf32>
}

// -----

func.func @shape() -> tensor<16x8xf32> {
  // expected-error-re@below {{'nm.param' op {{.*}}.safetensors: tensor 'rows.weight' has shape [8, 16], expected [16, 8]}}
  %0 = nm.param "rows.weight" in "m" : tensor<16x8xf32>
  return %0 : tensor<16x8xf32>
}

// -----

func.func @dtype() -> tensor<8xi8> {
  // expected-error-re@below {{'nm.param' op {{.*}}.safetensors: tensor 'bias' has element type F32, expected 'i8'}}
  %0 = nm.param "bias" in "m" : tensor<8xi8>
  return %0 : tensor<8xi8>
}

// -----

// Group 1 of row 3 holds columns 4 to 7.
// GROUP: error: 'nm.param' op {{.*}}.safetensors: {{.*}}violated.weight{{.*}}[3, 1]{{.*}}3
// SIZE: error: 'nm.param' op {{.*}}.safetensors: tensor 'violated.weight': dimension 1 has size 16, expected a multiple of 7 for 3:7
// REQUIRE: error: 'nm.param' op {{.*}}.safetensors: tensor 'violated.weight': no explicit mask, but mask-policy=require; suffixes tried: _mask, _sparsity_mask, .mask, __*_mma_mask
func.func @violated() -> tensor<8x16xf32> {
  %0 = nm.param "violated.weight" in "v" : tensor<8x16xf32>
  return %0 : tensor<8x16xf32>
}

// -----

// UNSIGNED: error: 'nm.param' op {{.*}}.safetensors: tensor 'masked.weight_mask' has element type u8, which no sparse product takes; expected floats or i8 where pattern '2:4' is
func.func @unsigned() -> tensor<8x16xi8> {
  %0 = nm.param "masked.weight_mask" in "u" {nm.unsigned} : tensor<8x16xi8>
  return %0 : tensor<8x16xi8>
}
