// RUN: nm-opt %s --nm-lower-reshapes | FileCheck %s

// CHECK-LABEL: func @two_dynamic
// CHECK: %[[STRIDE:.+]] = arith.muli
// CHECK: memref.reinterpret_cast %{{.+}} to offset: [0], sizes: [%{{.+}}, %{{.+}}, 64], strides: [%[[STRIDE]], 64, 1]
// CHECK-NOT: memref.expand_shape
func.func @two_dynamic(%x: memref<?x64xf32>, %b: index, %s: index) -> memref<?x?x64xf32> {
  %0 = memref.expand_shape %x [[0, 1], [2]] output_shape [%b, %s, 64] : memref<?x64xf32> into memref<?x?x64xf32>
  return %0 : memref<?x?x64xf32>
}

// CHECK-LABEL: func @strided
// CHECK: memref.expand_shape
func.func @strided(%x: memref<8x64xf32, strided<[100, 1]>>) -> memref<2x4x64xf32, strided<[400, 100, 1]>> {
  %0 = memref.expand_shape %x [[0, 1], [2]] output_shape [2, 4, 64]
      : memref<8x64xf32, strided<[100, 1]>> into memref<2x4x64xf32, strided<[400, 100, 1]>>
  return %0 : memref<2x4x64xf32, strided<[400, 100, 1]>>
}
