// Weights as arguments, bound to the keys of a checkpoint by an option or by the module.
// RUN: rm -rf %t && mkdir -p %t
// RUN: %python %S/Inputs/params.py %t
// RUN: nm-run %s --entry f --params %t/sparse.safetensors --bind w=weight --input %t/x.npy --expect %t/sparse.npy --report | FileCheck %s
// RUN: nm-run %s --entry f --params %t/sparse.safetensors --bind 1=weight --input x=%t/x.npy --expect %t/sparse.npy --reference
// RUN: nm-run %s --entry f --params s=%t/sparse.safetensors --bind %%w=s=weight --input %t/x.npy --expect %t/sparse.npy
// RUN: nm-run %s --entry marked --params %t/sparse.safetensors --input %t/x.npy --expect %t/sparse.npy --report | FileCheck %s
// RUN: nm-run %s --entry caller --params %t/sparse.safetensors --input %t/x.npy --expect %t/sparse.npy
// CHECK: weight {{.*}} 2:4 axis 1 {{.*}}the weights satisfy 2:4

// RUN: not nm-run %s --entry f --params %t/sparse.safetensors --bind v=weight --input %t/x.npy 2>&1 | FileCheck %s --check-prefix=NAME
// NAME: error: function 'f' has no argument 'v'{{.*}}; its arguments are 'x' and 'w'
// RUN: not nm-run %s --entry f --params %t/sparse.safetensors --bind w=wieght --input %t/x.npy 2>&1 | FileCheck %s --check-prefix=KEY
// KEY: no tensor 'wieght'{{.*}}did you mean 'weight'
// RUN: not nm-run %s --entry f --params %t/sparse.safetensors --bind w --input %t/x.npy 2>&1 | FileCheck %s --check-prefix=FORM
// FORM: error: option '--bind' has no key for 'w'; expected ARGUMENT=[SCOPE=]KEY, such as w=encoder.weight
// RUN: not nm-run %s --entry f --params %t/sparse.safetensors --bind w=weight --bind w=other --input %t/x.npy 2>&1 | FileCheck %s --check-prefix=TWICE
// TWICE: error: argument 'w' of function 'f' is already bound to key 'weight'; expected one --bind for it
// RUN: not nm-run %s --entry f --bind w=weight --input %t/x.npy 2>&1 | FileCheck %s --check-prefix=PARAMS
// PARAMS: error: function 'f' reads 1 parameters, such as 'weight', from a checkpoint; give --params model.safetensors
// RUN: not nm-run %s --entry dynamic --params %t/sparse.safetensors --bind w=weight --input %t/x.npy 2>&1 | FileCheck %s --check-prefix=DYNAMIC
// DYNAMIC: error: argument 'w' of function 'dynamic' is tensor<?x16xf32>; expected a tensor of static shape for --bind

func.func @f(%x: tensor<4x16xf32>, %w: tensor<8x16xf32>) -> tensor<4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x8xf32>
  %d = linalg.fill ins(%zero : f32) outs(%e : tensor<4x8xf32>) -> tensor<4x8xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (j, k)>, affine_map<(i, j, k) -> (i, j)>]
    ins(%x, %w : tensor<4x16xf32>, tensor<8x16xf32>) outs(%d : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

func.func @marked(%w: tensor<8x16xf32> {nm.param = "weight"}, %x: tensor<4x16xf32>) -> tensor<4x8xf32> {
  %y = func.call @f(%x, %w) : (tensor<4x16xf32>, tensor<8x16xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

func.func @caller(%x: tensor<4x16xf32>) -> tensor<4x8xf32> {
  %w = arith.constant dense<0.0> : tensor<8x16xf32>
  %y = func.call @marked(%w, %x) : (tensor<8x16xf32>, tensor<4x16xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

func.func @dynamic(%x: tensor<4x16xf32>, %w: tensor<?x16xf32>) -> tensor<4x16xf32> {
  return %x : tensor<4x16xf32>
}
