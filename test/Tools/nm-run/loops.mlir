// Loops that yield a tensor outside of the memory that they carry: new ones, one from outside, one that another one carries,
// one whose old elements are still read. With and without optimisation.
// RUN: split-file %s %t
// RUN: %python %S/Inputs/arrays.py %t x="np.arange(6, dtype='f4')" y="np.arange(6, dtype='f4') * 10" w="np.ones((6, 6), 'f4')" \
// RUN:   fresh="x + 5 * y" x0="x" y0="y" powers="np.full(6, x.sum() * 6**4, 'f4')" sums="x * 2**5" last="x * 2**4" grown="np.arange(4, dtype='f4')" halves="(x * 2**5).astype('f2')"
// RUN: nm-run %t/fresh.mlir --input %t/x.npy --input %t/y.npy --expect %t/fresh.npy
// RUN: nm-run %t/fresh.mlir --reference --input %t/x.npy --input %t/y.npy --expect %t/fresh.npy
// RUN: nm-run %t/outside.mlir --input %t/x.npy --input %t/y.npy --expect %t/y0.npy
// RUN: nm-run %t/outside.mlir --reference --input %t/x.npy --input %t/y.npy --expect %t/y0.npy
// RUN: nm-run %t/swap.mlir --input %t/x.npy --input %t/y.npy --expect %t/y0.npy --expect %t/x0.npy
// RUN: nm-run %t/swap.mlir --reference --input %t/x.npy --input %t/y.npy --expect %t/y0.npy --expect %t/x0.npy
// RUN: nm-run %t/product.mlir --input %t/x.npy --input %t/w.npy --expect %t/powers.npy
// RUN: nm-run %t/product.mlir --reference --input %t/x.npy --input %t/w.npy --expect %t/powers.npy
// RUN: nm-run %t/read.mlir --input %t/x.npy --expect %t/sums.npy --expect %t/last.npy
// RUN: nm-run %t/read.mlir --reference --input %t/x.npy --expect %t/sums.npy --expect %t/last.npy

// The same where the loop asks: with the work in the block of the condition, in the other, and in both with a type between.
// RUN: nm-run %t/asks.mlir --input %t/x.npy --input %t/y.npy --expect %t/fresh.npy --expect %t/y0.npy
// RUN: nm-run %t/asks.mlir --reference --input %t/x.npy --input %t/y.npy --expect %t/fresh.npy --expect %t/y0.npy
// RUN: nm-run %t/condition.mlir --input %t/x.npy --expect %t/sums.npy
// RUN: nm-run %t/condition.mlir --reference --input %t/x.npy --expect %t/sums.npy
// RUN: nm-run %t/between.mlir --input %t/x.npy --expect %t/halves.npy
// RUN: nm-run %t/between.mlir --reference --input %t/x.npy --expect %t/halves.npy

// Open sizes stay; a tensor that grows has no place.
// RUN: nm-run %t/open.mlir --input %t/x.npy --input %t/y.npy --expect %t/fresh.npy
// RUN: not nm-run %t/grows.mlir --input %t/grown.npy 2>&1 | FileCheck %s --check-prefix=GROWS
// GROWS: error: function 'f' was not run to its end: dimension 0 of result 0 of 'scf.for' (grows.mlir:6:8) is 5 after a step and 4 before

//--- fresh.mlir
func.func @f(%x: tensor<6xf32>, %y: tensor<6xf32>) -> tensor<6xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  %r = scf.for %i = %c0 to %c5 step %c1 iter_args(%a = %x) -> tensor<6xf32> {
    %e = tensor.empty() : tensor<6xf32>
    %s = linalg.add ins(%a, %y : tensor<6xf32>, tensor<6xf32>) outs(%e : tensor<6xf32>) -> tensor<6xf32>
    scf.yield %s : tensor<6xf32>
  }
  return %r : tensor<6xf32>
}

//--- outside.mlir
func.func @f(%x: tensor<6xf32>, %y: tensor<6xf32>) -> tensor<6xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  %r = scf.for %i = %c0 to %c5 step %c1 iter_args(%a = %x) -> tensor<6xf32> {
    %z = arith.cmpi eq, %i, %c0 : index
    %s = scf.if %z -> tensor<6xf32> {
      scf.yield %y : tensor<6xf32>
    } else {
      scf.yield %a : tensor<6xf32>
    }
    scf.yield %s : tensor<6xf32>
  }
  return %r : tensor<6xf32>
}

//--- swap.mlir
func.func @f(%x: tensor<6xf32>, %y: tensor<6xf32>) -> (tensor<6xf32>, tensor<6xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  %r:2 = scf.for %i = %c0 to %c5 step %c1 iter_args(%a = %x, %b = %y) -> (tensor<6xf32>, tensor<6xf32>) {
    scf.yield %b, %a : tensor<6xf32>, tensor<6xf32>
  }
  return %r#0, %r#1 : tensor<6xf32>, tensor<6xf32>
}

//--- product.mlir
func.func @f(%x: tensor<6xf32>, %w: tensor<6x6xf32>) -> tensor<6xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  %zero = arith.constant 0.0 : f32
  %r = scf.for %i = %c0 to %c5 step %c1 iter_args(%a = %x) -> tensor<6xf32> {
    %e = tensor.empty() : tensor<6xf32>
    %z = linalg.fill ins(%zero : f32) outs(%e : tensor<6xf32>) -> tensor<6xf32>
    %s = linalg.matvec ins(%w, %a : tensor<6x6xf32>, tensor<6xf32>) outs(%z : tensor<6xf32>) -> tensor<6xf32>
    scf.yield %s : tensor<6xf32>
  }
  return %r : tensor<6xf32>
}

//--- read.mlir
// The old elements are read after new ones are written, and become the other result.
func.func @f(%x: tensor<6xf32>) -> (tensor<6xf32>, tensor<6xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  %e0 = tensor.empty() : tensor<6xf32>
  %r:2 = scf.for %i = %c0 to %c5 step %c1 iter_args(%a = %x, %old = %e0) -> (tensor<6xf32>, tensor<6xf32>) {
    %s = linalg.add ins(%a, %a : tensor<6xf32>, tensor<6xf32>) outs(%a : tensor<6xf32>) -> tensor<6xf32>
    %k = linalg.copy ins(%a : tensor<6xf32>) outs(%old : tensor<6xf32>) -> tensor<6xf32>
    scf.yield %s, %k : tensor<6xf32>, tensor<6xf32>
  }
  return %r#0, %r#1 : tensor<6xf32>, tensor<6xf32>
}

//--- asks.mlir
func.func @f(%x: tensor<6xf32>, %y: tensor<6xf32>) -> (tensor<6xf32>, tensor<6xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  %r:3 = scf.while (%i = %c0, %a = %x, %b = %x) : (index, tensor<6xf32>, tensor<6xf32>) -> (index, tensor<6xf32>, tensor<6xf32>) {
    %more = arith.cmpi slt, %i, %c5 : index
    scf.condition(%more) %i, %a, %b : index, tensor<6xf32>, tensor<6xf32>
  } do {
  ^bb0(%i: index, %a: tensor<6xf32>, %b: tensor<6xf32>):
    %e = tensor.empty() : tensor<6xf32>
    %s = linalg.add ins(%a, %y : tensor<6xf32>, tensor<6xf32>) outs(%e : tensor<6xf32>) -> tensor<6xf32>
    %j = arith.addi %i, %c1 : index
    scf.yield %j, %s, %y : index, tensor<6xf32>, tensor<6xf32>
  }
  return %r#1, %r#2 : tensor<6xf32>, tensor<6xf32>
}

//--- condition.mlir
func.func @f(%x: tensor<6xf32>) -> tensor<6xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  %r:2 = scf.while (%i = %c0, %a = %x) : (index, tensor<6xf32>) -> (index, tensor<6xf32>) {
    %e = tensor.empty() : tensor<6xf32>
    %s = linalg.add ins(%a, %a : tensor<6xf32>, tensor<6xf32>) outs(%e : tensor<6xf32>) -> tensor<6xf32>
    %j = arith.addi %i, %c1 : index
    %more = arith.cmpi slt, %j, %c5 : index
    scf.condition(%more) %j, %s : index, tensor<6xf32>
  } do {
  ^bb0(%i: index, %a: tensor<6xf32>):
    scf.yield %i, %a : index, tensor<6xf32>
  }
  return %r#1 : tensor<6xf32>
}

//--- between.mlir
func.func @f(%x: tensor<6xf32>) -> tensor<6xf16> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  %r:2 = scf.while (%a = %x, %i = %c0) : (tensor<6xf32>, index) -> (index, tensor<6xf16>) {
    %e = tensor.empty() : tensor<6xf16>
    %h = linalg.copy ins(%a : tensor<6xf32>) outs(%e : tensor<6xf16>) -> tensor<6xf16>
    %more = arith.cmpi slt, %i, %c5 : index
    scf.condition(%more) %i, %h : index, tensor<6xf16>
  } do {
  ^bb0(%i: index, %h: tensor<6xf16>):
    %e = tensor.empty() : tensor<6xf32>
    %o = linalg.copy ins(%h : tensor<6xf16>) outs(%e : tensor<6xf32>) -> tensor<6xf32>
    %w = linalg.add ins(%o, %o : tensor<6xf32>, tensor<6xf32>) outs(%e : tensor<6xf32>) -> tensor<6xf32>
    %j = arith.addi %i, %c1 : index
    scf.yield %w, %j : tensor<6xf32>, index
  }
  return %r#1 : tensor<6xf16>
}

//--- open.mlir
func.func @f(%x: tensor<?xf32>, %y: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  %r = scf.for %i = %c0 to %c5 step %c1 iter_args(%a = %x) -> tensor<?xf32> {
    %n = tensor.dim %a, %c0 : tensor<?xf32>
    %e = tensor.empty(%n) : tensor<?xf32>
    %s = linalg.add ins(%a, %y : tensor<?xf32>, tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
    scf.yield %s : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}

//--- grows.mlir
func.func @f(%x: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  %zero = arith.constant 0.0 : f32
  %r = scf.for %i = %c0 to %c5 step %c1 iter_args(%a = %x) -> tensor<?xf32> {
    %n = tensor.dim %a, %c0 : tensor<?xf32>
    %m = arith.addi %n, %c1 : index
    %e = tensor.empty(%m) : tensor<?xf32>
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
    %s = tensor.insert_slice %a into %f[0] [%n] [1] : tensor<?xf32> into tensor<?xf32>
    scf.yield %s : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}
