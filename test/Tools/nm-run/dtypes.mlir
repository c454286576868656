// Every element type, scalars, rank 0, empty tensors, results that are arguments.
// RUN: rm -rf %t && %python %S/Inputs/arrays.py %t \
// RUN:   h="np.array([1, -2.5], 'f2')" d="np.array([1, -2.5], 'f8')" i="np.array([1, -2], 'i4')" l="np.array([1, -2], 'i8')" \
// RUN:   b="np.array([True, False])" s="np.float32(3)" n="np.int64(4)" u="np.array([1, 255], 'u1')" e="np.zeros((0, 3), 'f4')" \
// RUN:   f="np.array([1, -2.5], 'f4')" bf="(f.view('u4') >> 16).astype('u2')" scaled="f * 3" count="np.int64(6)" zero="np.zeros((2, 0), 'f4')"
// RUN: nm-run %s --entry identity --input %t/h.npy --input %t/d.npy --input %t/i.npy --input %t/l.npy --input %t/b.npy --input %t/u.npy --input %t/bf.npy \
// RUN:   --output 6=%t/bf2.npy --output 4=%t/b2.npy \
// RUN:   --expect 0=%t/h.npy --expect 1=%t/d.npy --expect 2=%t/i.npy --expect 3=%t/l.npy --expect 4=%t/b.npy --expect 6=%t/f.npy --repeat 3
// RUN: cmp %t/bf.npy %t/bf2.npy
// RUN: cmp %t/b.npy %t/b2.npy
// RUN: nm-run %s --entry scalars --input %t/s.npy --input %t/n.npy --input %t/f.npy --expect 0=%t/scaled.npy --expect 1=%t/count.npy
// RUN: nm-run %s --entry scalar --input %t/n.npy --expect %t/count.npy
// RUN: nm-run %s --entry rank0 --input %t/s.npy --expect %t/s.npy
// RUN: nm-run %s --entry empty --input %t/e.npy --expect %t/zero.npy
// RUN: nm-run %s --entry nothing

func.func @identity(%h: tensor<2xf16>, %d: tensor<2xf64>, %i: tensor<2xi32>, %l: tensor<?xi64>, %b: tensor<2xi1>, %u: tensor<2xi8>, %bf: tensor<2xbf16>)
    -> (tensor<2xf16>, tensor<2xf64>, tensor<2xi32>, tensor<?xi64>, tensor<2xi1>, tensor<2xi8>, tensor<2xbf16>) {
  return %h, %d, %i, %l, %b, %u, %bf : tensor<2xf16>, tensor<2xf64>, tensor<2xi32>, tensor<?xi64>, tensor<2xi1>, tensor<2xi8>, tensor<2xbf16>
}

func.func @scalars(%s: f32, %n: i64, %f: tensor<2xf32>) -> (tensor<2xf32>, i64) {
  %e = tensor.empty() : tensor<2xf32>
  %t = linalg.fill ins(%s : f32) outs(%e : tensor<2xf32>) -> tensor<2xf32>
  %0 = linalg.mul ins(%f, %t : tensor<2xf32>, tensor<2xf32>) outs(%e : tensor<2xf32>) -> tensor<2xf32>
  %c2 = arith.constant 2 : i64
  %1 = arith.addi %n, %c2 : i64
  return %0, %1 : tensor<2xf32>, i64
}

func.func @scalar(%n: i64) -> i64 {
  %c2 = arith.constant 2 : i64
  %1 = arith.addi %n, %c2 : i64
  return %1 : i64
}

func.func @rank0(%s: tensor<f32>) -> tensor<f32> {
  return %s : tensor<f32>
}

func.func @empty(%x: tensor<?x3xf32>) -> tensor<2x0xf32> {
  %e = tensor.empty() : tensor<2x0xf32>
  return %e : tensor<2x0xf32>
}

func.func @nothing() {
  return
}
