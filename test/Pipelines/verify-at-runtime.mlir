// Upstream's runtime verification in compiled code: by an option of the pipeline, and in nm-run by a variable, which is how
// the suite is run with it (docs/testing.md). On tensors nm-check-sizes says it first, at the entry and with the names.

// RUN: nm-opt %s --nm-to-cpu="verify-at-runtime=true" | FileCheck %s
// RUN: nm-opt %s --nm-to-cpu | FileCheck %s --check-prefix=PLAIN
// RUN: %python -c "import numpy; numpy.save('%t.x.npy', numpy.float32([2, 7, 8])); numpy.save('%t.y.npy', numpy.float32([8]))"
// RUN: env NM_VERIFY_AT_RUNTIME=1 nm-run %s --entry=f --input=%t.x.npy --expect=%t.y.npy
// RUN: env NM_VERIFY_AT_RUNTIME=2 not nm-run %s --entry=f --input=%t.x.npy 2>&1 | FileCheck %s --check-prefix=WRONG
// REQUIRES: nm-run, numpy

// CHECK: Runtime op verification failed
// PLAIN-NOT: Runtime op verification failed
// WRONG: error: NM_VERIFY_AT_RUNTIME is '2', expected 0 or 1
func.func @f(%x: tensor<?xf32>) -> tensor<1xf32> {
  %c0 = arith.constant 0 : index
  %f = tensor.extract %x[%c0] : tensor<?xf32>
  %i = arith.fptosi %f : f32 to i64
  %at = arith.index_cast %i : i64 to index
  %e = tensor.extract %x[%at] : tensor<?xf32>
  %r = tensor.from_elements %e : tensor<1xf32>
  return %r : tensor<1xf32>
}

// On buffers nothing else checks; a check that fails is an error of the call.
// CHECK-LABEL: llvm.func @beyond
// CHECK: %[[AT:.*]] = llvm.load
// CHECK: llvm.icmp "sge" %[[AT]]
// CHECK: llvm.icmp "slt" %[[AT]]
// CHECK: llvm.cond_br
// CHECK: llvm.call @nm_fail
func.func @beyond() {
  %m = memref.alloc() : memref<4xi64>
  %c0 = arith.constant 0 : index
  %five = arith.constant 5 : i64
  memref.store %five, %m[%c0] : memref<4xi64>
  %v = memref.load %m[%c0] : memref<4xi64>
  %at = arith.index_cast %v : i64 to index
  memref.store %five, %m[%at] : memref<4xi64>
  return
}
