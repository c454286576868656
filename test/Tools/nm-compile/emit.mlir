// Each kind of output; only the C interface and the manifest are visible from outside.
// RUN: rm -rf %t && mkdir -p %t
// RUN: nm-compile %s --emit=mlir | FileCheck %s --check-prefix=MLIR
// MLIR: module attributes {{.*}}nm.manifest = "{\22f\22:
// MLIR: llvm.func @_mlir_ciface_f
// RUN: nm-compile %s --emit=llvm -o - | FileCheck %s --check-prefix=LLVM
// LLVM: @nm_manifest_f ={{.*}} constant
// LLVM: define {{.*}}i32 @nm_ciface_f(
// RUN: nm-compile %s --emit=asm --target-cpu=native -o %t/f.s && FileCheck %s --check-prefix=ASM --input-file %t/f.s
// ASM: .globl nm_ciface_f
// RUN: nm-compile %s --emit=obj -o %t/f.o
// RUN: llvm-nm --extern-only --defined-only --format=just-symbols %t/f.o | FileCheck %s --check-prefix=SYMBOLS
// SYMBOLS-NOT: {{.}}
// SYMBOLS: nm_call_f
// SYMBOLS-NEXT: nm_ciface_f
// SYMBOLS-NEXT: nm_error_f
// SYMBOLS-NEXT: nm_manifest_f
// SYMBOLS-NOT: {{.}}
// RUN: FileCheck %s --check-prefix=HEADER --input-file %t/f.h
// HEADER: /* f.o: compiled by nm-compile. Do not edit.
// HEADER: #ifndef NM_GENERATED_F_O
// HEADER: typedef struct nm_memref_2d {
// HEADER: extern const char nm_manifest_f[];
// HEADER: const char *nm_error_f(void);
// HEADER: int nm_ciface_f(nm_memref_2d *result0, const nm_memref_2d *x);
// HEADER: int nm_call_f(const float *x, int64_t x_size0, nm_memref_2d *result0);

// No temporary files stay behind, and problems of linking are reported.
// RUN: nm-compile %s --emit=so -o %t/libf.so && ls %t | FileCheck %s --check-prefix=FILES
// FILES: f.h
// FILES-NEXT: f.o
// FILES-NEXT: f.s
// FILES-NEXT: libf.h
// FILES-NEXT: libf.so
// FILES-NOT: {{.}}
// RUN: not nm-compile %s --emit=so -o %t/g.so --cc=no-such-compiler 2>&1 | FileCheck %s --check-prefix=NO-CC
// NO-CC: error: no C compiler 'no-such-compiler' to link with
// RUN: not nm-compile %s --emit=so -o %t/g.so --cc=false 2>&1 | FileCheck %s --check-prefix=BAD-CC
// BAD-CC: error: '{{.*}}false' could not link '{{.*}}g.so'
// RUN: env PATH=%t %nm_obj_root/bin/nm-compile %s --emit=so -o %t/g.so 2>%t/error || true
// RUN: FileCheck %s --check-prefix=NO-PATH --input-file %t/error
// NO-PATH: error: --emit=so needs a C compiler to link with, and none of cc, gcc, clang-22 and clang is in PATH
// RUN: not nm-compile %s --emit=so -o %t/no/such/g.so 2>&1 | FileCheck %s --check-prefix=NO-FOLDER
// NO-FOLDER: error: cannot write '{{.*}}g.so': no such folder '{{.*}}such'; make it first
// RUN: not nm-compile %s --emit=llvm -o %t/no/such/g.ll 2>&1 | FileCheck %s --check-prefix=NO-FOLDER-LL
// NO-FOLDER-LL: error: cannot write '{{.*}}g.ll'

func.func @f(%x: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %0 = call @helper(%x) : (tensor<?x3xf32>) -> tensor<?x3xf32>
  return %0 : tensor<?x3xf32>
}

func.func private @helper(%x: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %c0 = arith.constant 0 : index
  %d = tensor.dim %x, %c0 : tensor<?x3xf32>
  %e = tensor.empty(%d) : tensor<?x3xf32>
  %0 = linalg.exp ins(%x : tensor<?x3xf32>) outs(%e : tensor<?x3xf32>) -> tensor<?x3xf32>
  return %0 : tensor<?x3xf32>
}
