// A cache that grows in the memory of its argument: what the header says, C that calls it, nm-run, and what is refused.
// RUN: rm -rf %t && mkdir -p %t
// RUN: nm-compile %s --in-place now=past --emit=obj -o %t/rows.o && FileCheck %s --check-prefix=HEADER --input-file %t/rows.h
// HEADER: past: f32 [2, ?, 3]; written: it becomes now, which grows in dimension 1
// HEADER: result0: size of now in the dimension that grows
// HEADER: int nm_ciface_rows(int64_t *result0, nm_memref_2d *result1, const nm_memref_3d *past, const nm_memref_3d *row, const nm_memref_1d *scale);
// HEADER: int nm_call_rows(float *past, int64_t past_size1, int64_t past_room, const float *row, int64_t row_size1, const float *scale, int64_t *result0, nm_memref_2d *result1);
// RUN: clang-22 %sanitize_flags -std=c11 -Wall -Wextra -I%nm_src_root/include -I%t %S/Inputs/growing_cache.c %t/rows.o -L%openmp_lib_dir -lomp -Wl,-rpath,%openmp_lib_dir -lm -o %t/calls && %t/calls | FileCheck %s --check-prefix=CALLS
// CALLS: rows 3: 0 0 0 1 2 3 . | 0 0 0 4 5 6 .{{$}}
// CALLS: rows 4: 0 0 0 1 2 3 1 2 3 | 0 0 0 4 5 6 4 5 6{{$}}
// CALLS: refused: dimension 1 of the cache 'past' needs 5, and its memory has room for 4
// CALLS: refused: dimension 1 of 'past' is 5, and the stride before it has room for 4
// CALLS: refused: the data of 'past', which the call writes, overlaps that of 'row'
// CALLS: refused: dimension 0 of 'past' has stride 7, expected a multiple of 3, the elements of a row

// RUN: nm-compile %s --in-place now=past --compile-to=buffers | FileCheck %s --check-prefix=BUFFERS
// RUN: nm-compile %s --in-place now=past --reference --compile-to=buffers | FileCheck %s --check-prefix=BUFFERS
// RUN: nm-compile %s --compile-to=buffers | FileCheck %s --check-prefix=COPIED
// BUFFERS-LABEL: func.func @rows(%arg0: memref<2x?x3xf32>
// BUFFERS-SAME: -> (index, memref<2x3xf32>)
// BUFFERS: %[[ROW:.*]] = memref.subview %arg0[0, %{{.*}}, 0]
// BUFFERS: memref.copy %arg1, %[[ROW]]
// BUFFERS-NOT: memref.copy
// BUFFERS: return
// COPIED-LABEL: func.func @rows
// COPIED-COUNT-2: memref.copy
// COPIED: return

// RUN: %python -c "import numpy as np; r = np.random.default_rng(5); p, w = (r.standard_normal((2, n, 3)).astype('f4') for n in (4, 2)); s = np.float32([2]); n = np.concatenate([p, w], 1); [np.save('%t/%%s.npy' %% k, v) for k, v in dict(past=p, row=w, scale=s, now=n, sum=(2 * n).sum(1)).items()]"
// RUN: nm-run %s --in-place now=past --input %t/past.npy --input %t/row.npy --input %t/scale.npy --expect %t/now.npy --expect %t/sum.npy --repeat 3
// RUN: nm-run %s --in-place now=past --reference --input %t/past.npy --input %t/row.npy --input %t/scale.npy --expect %t/now.npy --expect %t/sum.npy

// RUN: not nm-compile %s --in-place sum=past --compile-to=buffers 2>&1 | FileCheck %s --check-prefix=TYPE
// TYPE: error: result 'sum' of function 'rows' is tensor<2x3xf32> and cannot be written to argument 'past', which is tensor<2x?x3xf32>; expected tensors of one type, or the argument with rows behind it

func.func @rows(%past: tensor<2x?x3xf32>, %row: tensor<2x?x3xf32>, %scale: tensor<1xf32>)
    -> (tensor<2x?x3xf32> {nm.name = "now"}, tensor<2x3xf32> {nm.name = "sum"}) {
  %now = tensor.concat dim(1) %past, %row : (tensor<2x?x3xf32>, tensor<2x?x3xf32>) -> tensor<2x?x3xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2x3xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x3xf32>) -> tensor<2x3xf32>
  %sum = linalg.generic {indexing_maps = [affine_map<(b, r, d) -> (b, r, d)>, affine_map<(b, r, d) -> (0)>, affine_map<(b, r, d) -> (b, d)>],
    iterator_types = ["parallel", "reduction", "parallel"]} ins(%now, %scale : tensor<2x?x3xf32>, tensor<1xf32>) outs(%f : tensor<2x3xf32>) {
  ^bb0(%x: f32, %s: f32, %y: f32):
    %m = arith.mulf %x, %s : f32
    %z = arith.addf %y, %m : f32
    linalg.yield %z : f32
  } -> tensor<2x3xf32>
  return %now, %sum : tensor<2x?x3xf32>, tensor<2x3xf32>
}
