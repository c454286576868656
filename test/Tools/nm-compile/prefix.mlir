// Two models with a function of one name link into one program, and each finds its own manifest.
// RUN: rm -rf %t && split-file %s %t
// RUN: nm-compile %t/one.mlir --emit=obj --prefix=one_ -o %t/one.o
// RUN: nm-compile %t/two.mlir --emit=obj --prefix=two_ -o %t/two.o
// RUN: llvm-nm --extern-only --defined-only --format=just-symbols %t/one.o | FileCheck %s --check-prefix=SYMBOLS
// SYMBOLS-NOT: {{.}}
// SYMBOLS: nm_call_one_f
// SYMBOLS-NEXT: nm_ciface_one_f
// SYMBOLS-NEXT: nm_error_one_f
// SYMBOLS-NEXT: nm_manifest_one_f
// SYMBOLS-NOT: {{.}}
// RUN: %python %S/../nm-run/Inputs/safetensors.py %t/model.safetensors "first=np.full((4, 8), 2, 'f4')" "second=np.full((4, 8), 3, 'f4')"
// RUN: clang-22 %sanitize_flags -std=c11 -Wall -Wextra -Werror -I%nm_src_root/include -I%t %t/main.c %t/one.o %t/two.o -o %t/main \
// RUN:   -L%nm_obj_root/lib -lnm_runtime -L%openmp_lib_dir -lomp -lm -Wl,-rpath,%nm_obj_root/lib -Wl,-rpath,%openmp_lib_dir
// RUN: %t/main %t/model.safetensors | FileCheck %s
// CHECK: one 16
// CHECK-NEXT: two 24
// CHECK-NEXT: refused: the parameters are null, or were loaded for another manifest than nm_manifest_two_f

// RUN: not nm-run %t/one.mlir --prefix=one_ 2>&1 | FileCheck %s --check-prefix=NO-SYMBOLS
// NO-SYMBOLS: error: {{.*}}--prefix
// RUN: not nm-compile %t/one.mlir --prefix=1- --emit=llvm 2>&1 | FileCheck %s --check-prefix=BAD
// BAD: error: --prefix '1-' cannot begin a name in C; expected letters, digits and _, such as _1_

//--- one.mlir
func.func @f(%x: tensor<1x8xf32>) -> tensor<1x4xf32> {
  %w = nm.param "first" : tensor<4x8xf32>
  %e = tensor.empty() : tensor<1x4xf32>
  %y = nm.matmul transpose_rhs ins(%x, %w : tensor<1x8xf32>, tensor<4x8xf32>) outs(%e : tensor<1x4xf32>) -> tensor<1x4xf32>
  return %y : tensor<1x4xf32>
}

//--- two.mlir
func.func @f(%x: tensor<1x8xf32>) -> tensor<1x4xf32> {
  %w = nm.param "second" : tensor<4x8xf32>
  %e = tensor.empty() : tensor<1x4xf32>
  %y = nm.matmul transpose_rhs ins(%x, %w : tensor<1x8xf32>, tensor<4x8xf32>) outs(%e : tensor<1x4xf32>) -> tensor<1x4xf32>
  return %y : tensor<1x4xf32>
}

//--- main.c
#include "one.h"
#include "two.h"
#include <stdio.h>
#include <stdlib.h>

static nm_params *load(const char *manifest, const char *path) {
  nm_scope scope = {sizeof(nm_scope), "", path};
  nm_params *params = NULL;
  nm_error *error = NULL;
  if (nm_params_load(manifest, &scope, 1, NULL, &params, &error))
    printf("error: %s\n", nm_error_message(error));
  return params;
}

int main(int argc, char **argv) {
  float x[8] = {1, 1, 1, 1, 1, 1, 1, 1};
  nm_params *one = load(nm_manifest_one_f, argv[argc - 1]);
  nm_params *two = load(nm_manifest_two_f, argv[argc - 1]);
  nm_memref_2d y;
  if (nm_call_one_f(x, one, &y) == 0)
    printf("one %g\n", ((float *)y.aligned)[y.offset]);
  free(y.allocated);
  if (nm_call_two_f(x, two, &y) == 0)
    printf("two %g\n", ((float *)y.aligned)[y.offset]);
  free(y.allocated);
  if (nm_call_two_f(x, one, &y) == 1)
    printf("refused: %s\n", nm_error_two_f());
  nm_params_free(one);
  nm_params_free(two);
  return 0;
}
