// RUN: nm-opt %s --nm-close-loops -verify-diagnostics

func.func @open(%x: tensor<?xf32>, %n: index) -> tensor<?xf16> {
  %c0 = arith.constant 0 : index
  // expected-error @below {{hands on a tensor of open sizes, 'tensor<?xf16>', as value 0 of its condition, where it carries none of this type; expected it among what the loop carries, at the same place}}
  %r = scf.while (%a = %x) : (tensor<?xf32>) -> tensor<?xf16> {
    %d = tensor.dim %a, %c0 : tensor<?xf32>
    %e = tensor.empty(%d) : tensor<?xf16>
    %h = linalg.copy ins(%a : tensor<?xf32>) outs(%e : tensor<?xf16>) -> tensor<?xf16>
    %more = arith.cmpi slt, %d, %n : index
    scf.condition(%more) %h : tensor<?xf16>
  } do {
  ^bb0(%h: tensor<?xf16>):
    %d = tensor.dim %h, %c0 : tensor<?xf16>
    %e = tensor.empty(%d) : tensor<?xf32>
    %w = linalg.copy ins(%h : tensor<?xf16>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
    scf.yield %w : tensor<?xf32>
  }
  return %r : tensor<?xf16>
}
