// A model with weights of i8 and a scale for each row of them, as exporters write
// it: the pattern is found in the checkpoint, the weights stay i8 in memory, and
// scale, bias and activation end up in the product.
// REQUIRES: numpy
// RUN: rm -rf %t && mkdir -p %t
// RUN: %python %S/Inputs/quantised.py %t
// RUN: nm-run %s --entry tokens1 --params %t/model.safetensors --input %t/x1.npy --expect %t/y1.npy --report --remarks-filter='nm-(raise|fuse-epilogue)' 2>&1 | FileCheck %s
// RUN: nm-run %s --entry tokens9 --params %t/model.safetensors --input %t/x9.npy --expect %t/y9.npy
// RUN: nm-run %s --entry tokens9 --params %t/model.safetensors --input %t/x9.npy --expect %t/y9.npy --dense
// RUN: nm-run %s --entry tokens9 --params %t/model.safetensors --input %t/x9.npy --expect %t/y9.npy --reference
// CHECK-DAG: raised: pattern=2:4 weight=40x512 result=1x40
// CHECK-DAG: weight {{.*}}i8 {{.*}}2:4 axis 1

#full = affine_map<(d0, d1) -> (d0, d1)>
#kept = affine_map<(d0, d1) -> (d0, 0)>
#last = affine_map<(d0, d1) -> (d1)>

func.func @tokens1(%x: tensor<1x512xf32>) -> tensor<1x40xf32> {
  %q = nm.param "weight" : tensor<40x512xi8>
  %s = nm.param "scale" : tensor<40x1xf32>
  %b = nm.param "bias" : tensor<40xf32>
  %e = tensor.empty() : tensor<40x512xf32>
  %w = linalg.generic {indexing_maps = [#full, #kept, #full], iterator_types = ["parallel", "parallel"]}
      ins(%q, %s : tensor<40x512xi8>, tensor<40x1xf32>) outs(%e : tensor<40x512xf32>) {
  ^bb0(%0: i8, %1: f32, %2: f32):
    %3 = arith.sitofp %0 : i8 to f32
    %4 = arith.mulf %3, %1 : f32
    linalg.yield %4 : f32
  } -> tensor<40x512xf32>
  %et = tensor.empty() : tensor<512x40xf32>
  %t = linalg.transpose ins(%w : tensor<40x512xf32>) outs(%et : tensor<512x40xf32>) permutation = [1, 0]
  %zero = arith.constant 0.0 : f32
  %ey = tensor.empty() : tensor<1x40xf32>
  %init = linalg.fill ins(%zero : f32) outs(%ey : tensor<1x40xf32>) -> tensor<1x40xf32>
  %y = linalg.matmul ins(%x, %t : tensor<1x512xf32>, tensor<512x40xf32>) outs(%init : tensor<1x40xf32>) -> tensor<1x40xf32>
  %r = linalg.generic {indexing_maps = [#full, #last, #full], iterator_types = ["parallel", "parallel"]}
      ins(%y, %b : tensor<1x40xf32>, tensor<40xf32>) outs(%ey : tensor<1x40xf32>) {
  ^bb0(%0: f32, %1: f32, %2: f32):
    %3 = arith.addf %0, %1 : f32
    %4 = arith.maximumf %3, %zero : f32
    linalg.yield %4 : f32
  } -> tensor<1x40xf32>
  return %r : tensor<1x40xf32>
}

func.func @tokens9(%x: tensor<9x512xf32>) -> tensor<9x40xf32> {
  %q = nm.param "weight" : tensor<40x512xi8>
  %s = nm.param "scale" : tensor<40x1xf32>
  %b = nm.param "bias" : tensor<40xf32>
  %e = tensor.empty() : tensor<40x512xf32>
  %w = linalg.generic {indexing_maps = [#full, #kept, #full], iterator_types = ["parallel", "parallel"]}
      ins(%q, %s : tensor<40x512xi8>, tensor<40x1xf32>) outs(%e : tensor<40x512xf32>) {
  ^bb0(%0: i8, %1: f32, %2: f32):
    %3 = arith.sitofp %0 : i8 to f32
    %4 = arith.mulf %3, %1 : f32
    linalg.yield %4 : f32
  } -> tensor<40x512xf32>
  %et = tensor.empty() : tensor<512x40xf32>
  %t = linalg.transpose ins(%w : tensor<40x512xf32>) outs(%et : tensor<512x40xf32>) permutation = [1, 0]
  %zero = arith.constant 0.0 : f32
  %ey = tensor.empty() : tensor<9x40xf32>
  %init = linalg.fill ins(%zero : f32) outs(%ey : tensor<9x40xf32>) -> tensor<9x40xf32>
  %y = linalg.matmul ins(%x, %t : tensor<9x512xf32>, tensor<512x40xf32>) outs(%init : tensor<9x40xf32>) -> tensor<9x40xf32>
  %r = linalg.generic {indexing_maps = [#full, #last, #full], iterator_types = ["parallel", "parallel"]}
      ins(%y, %b : tensor<9x40xf32>, tensor<40xf32>) outs(%ey : tensor<9x40xf32>) {
  ^bb0(%0: f32, %1: f32, %2: f32):
    %3 = arith.addf %0, %1 : f32
    %4 = arith.maximumf %3, %zero : f32
    linalg.yield %4 : f32
  } -> tensor<9x40xf32>
  return %r : tensor<9x40xf32>
}
