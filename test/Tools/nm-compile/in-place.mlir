// Results that are written to the memory of arguments: what the header says, and what cannot be.
// RUN: rm -rf %t && mkdir -p %t
// RUN: nm-compile %s --in-place new=old -o %t/rows.so && FileCheck %s --check-prefix=HEADER --input-file %t/rows.h
// HEADER: old: f32 [6, 4]; written: it becomes new
// HEADER: int nm_ciface_rows(nm_memref_1d *result0, const nm_memref_2d *old, const nm_memref_1d *row, int64_t at);
// HEADER: int nm_call_rows(float *old, const float *row, int64_t at, nm_memref_1d *result0);

// No buffer is made, and one row is copied. Without the option the caller's array stays as it was.
// RUN: nm-compile %s --in-place new=old --compile-to=buffers | FileCheck %s --check-prefix=BUFFERS
// RUN: nm-compile %s --in-place 0=arg0 --reference --compile-to=buffers | FileCheck %s --check-prefix=BUFFERS
// RUN: nm-compile %s --compile-to=buffers | FileCheck %s --check-prefix=COPIED
// BUFFERS-LABEL: func.func @rows({{.*}}) -> memref<4xf32>
// BUFFERS-NOT: memref<6x4xf32>{{$}}
// BUFFERS: return
// COPIED-LABEL: func.func @rows
// COPIED: memref.alloc() {{.*}} : memref<6x4xf32>

// The attribute says the same as the option.
// RUN: nm-compile %s --compile-to=buffers | FileCheck %s --check-prefix=ATTRIBUTE
// ATTRIBUTE-LABEL: func.func @marked
// ATTRIBUTE-NOT: memref.copy
// ATTRIBUTE: return{{$}}

// nm-run gives the result as it gives others, and leaves the array it read alone.
// RUN: %python -c "import numpy as np; np.save('%t/old.npy', np.zeros((6, 4), 'f4')); np.save('%t/row.npy', np.arange(4, dtype='f4')); np.save('%t/at.npy', np.int64(2)); e = np.zeros((6, 4), 'f4'); e[2] = np.arange(4); np.save('%t/new.npy', e); np.save('%t/sum.npy', e[2] + 1)"
// RUN: nm-run %s --entry rows --in-place new=old --input %t/old.npy --input %t/row.npy --input %t/at.npy --expect %t/new.npy --expect %t/sum.npy --repeat 3
// RUN: %python -c "import numpy as np; print(np.load('%t/old.npy').any())" | FileCheck %s --check-prefix=KEPT
// KEPT: False

// RUN: not nm-compile %s --in-place new --compile-to=buffers 2>&1 | FileCheck %s --check-prefix=FORM
// RUN: not nm-compile %s --in-place 'new*=old' --compile-to=buffers 2>&1 | FileCheck %s --check-prefix=FORM
// FORM: error: option '--in-place' found 'new{{.*}}', expected RESULT=ARGUMENT such as present=past, with at most one * in each
// RUN: not nm-compile %s --in-place nwe=old --compile-to=buffers 2>&1 | FileCheck %s --check-prefix=RESULT
// RESULT: error: --in-place nwe=old has no effect: there is no result 'nwe' (did you mean 'new'?); the results are 'new', 'sum' and 'result0'
// RUN: not nm-compile %s --in-place new=odd --compile-to=buffers 2>&1 | FileCheck %s --check-prefix=ARGUMENT
// ARGUMENT: error: function 'rows' has no argument 'odd'
// RUN: not nm-compile %s --in-place 'n*w=*ld' --compile-to=buffers 2>&1 | FileCheck %s --check-prefix=STAR
// STAR: error: function 'rows' has no argument 'eld' (did you mean 'old'?)
// RUN: not nm-compile %s --in-place new=row --compile-to=buffers 2>&1 | FileCheck %s --check-prefix=TYPE
// TYPE: error: result 'new' of function 'rows' is tensor<6x4xf32> and cannot be written to argument 'row', which is tensor<4xf32>; expected tensors of one type
// RUN: not nm-compile %s --in-place new=old --in-place sum=old --compile-to=buffers 2>&1 | FileCheck %s --check-prefix=TWICE
// TWICE: error: argument 'old' of function 'rows' gets result 'new' already; expected one result for it, found 'sum'
// RUN: not nm-compile %s --in-place new=old --target=edge -o %t/x.nmb 2>&1 | FileCheck %s --check-prefix=ACCELERATOR
// ACCELERATOR: error: --in-place is for processors, but --target=edge is an accelerator

func.func @rows(%old: tensor<6x4xf32>, %row: tensor<4xf32>, %at: i64) -> (tensor<6x4xf32> {nm.name = "new"}, tensor<4xf32> {nm.name = "sum"}) {
  %i = arith.index_cast %at : i64 to index
  %new = tensor.insert_slice %row into %old[%i, 0] [1, 4] [1, 1] : tensor<4xf32> into tensor<6x4xf32>
  %one = arith.constant 1.0 : f32
  %e = tensor.empty() : tensor<4xf32>
  %got = tensor.extract_slice %new[%i, 0] [1, 4] [1, 1] : tensor<6x4xf32> to tensor<4xf32>
  %sum = linalg.generic {indexing_maps = [affine_map<(d) -> (d)>, affine_map<(d) -> (d)>], iterator_types = ["parallel"]}
    ins(%got : tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb0(%x: f32, %y: f32):
    %z = arith.addf %x, %one : f32
    linalg.yield %z : f32
  } -> tensor<4xf32>
  return %new, %sum : tensor<6x4xf32>, tensor<4xf32>
}

func.func @marked(%old: tensor<6x4xf32> {nm.in_place = 0 : i64}, %x: f32) -> tensor<6x4xf32> {
  %c1 = arith.constant 1 : index
  %new = tensor.insert %x into %old[%c1, %c1] : tensor<6x4xf32>
  return %new : tensor<6x4xf32>
}
