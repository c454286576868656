// RUN: nm-opt %s --nm-table-params | FileCheck %s
// RUN: not nm-opt %S/Inputs/dynamic-param.mlir --nm-table-params 2>&1 | FileCheck %s --check-prefix=DYNAMIC

// DYNAMIC: error: 'func.func' op has parameter 1 of type 'memref<?xf32>', expected a memref of static shape

// The parameters of a public function come in one table; who reads one loads it.
// CHECK-LABEL: func.func @f(
// CHECK-SAME: %[[X:.*]]: memref<8xf32> {nm.name = "x"}, %[[TABLE:[^:]*]]: !llvm.ptr)
// CHECK: %[[P1:.*]] = llvm.getelementptr %[[TABLE]][1]
// CHECK: llvm.load %[[P1]] invariant : !llvm.ptr -> !llvm.ptr
// CHECK: %[[V:.*]] = builtin.unrealized_conversion_cast {{.*}} to memref<8xf32>
// CHECK: call @use(%[[X]], %[[V]])
// CHECK: llvm.getelementptr %[[TABLE]][1]
// CHECK: call @use
// CHECK: %[[P0:.*]] = llvm.getelementptr %[[TABLE]][0]
// CHECK: scf.for
// CHECK: return
func.func private @use(memref<8xf32>, memref<8xf32>)
func.func @f(%x: memref<8xf32> {nm.name = "x"}, %w: memref<8xf32> {nm.param}, %v: memref<8xf32> {nm.param}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  call @use(%x, %v) : (memref<8xf32>, memref<8xf32>) -> ()
  call @use(%v, %x) : (memref<8xf32>, memref<8xf32>) -> ()
  scf.for %i = %c0 to %c8 step %c1 {
    %e = memref.load %w[%i] : memref<8xf32>
    memref.store %e, %x[%i] : memref<8xf32>
  }
  return
}

// A private function keeps its arguments; a public one that is called gets a private body.
// CHECK-LABEL: func.func @called(%{{.*}}: !llvm.ptr) -> f32
// CHECK: %[[R:.*]] = call @called_body(%{{.*}}) : (memref<8xf32>) -> f32
// CHECK: return %[[R]]
// CHECK: func.func private @called_body(%{{.*}}: memref<8xf32>) -> f32
// CHECK: call @inner(
func.func @called(%w: memref<8xf32> {nm.param}) -> f32 {
  %r = call @inner(%w) : (memref<8xf32>) -> f32
  return %r : f32
}
// CHECK-LABEL: func.func private @inner(%{{.*}}: memref<8xf32>) -> f32
func.func private @inner(%w: memref<8xf32> {nm.param}) -> f32 {
  %c0 = arith.constant 0 : index
  %r = memref.load %w[%c0] : memref<8xf32>
  return %r : f32
}
// CHECK-LABEL: func.func @caller(%{{.*}}: !llvm.ptr) -> f32
// CHECK: call @called_body(
func.func @caller(%w: memref<8xf32> {nm.param}) -> f32 {
  %r = call @called(%w) : (memref<8xf32>) -> f32
  return %r : f32
}
