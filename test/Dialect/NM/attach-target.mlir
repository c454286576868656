// RUN: nm-opt %s --nm-attach-target=target=aarch64-neon | FileCheck %s --check-prefix=NEON
// RUN: nm-opt %s --nm-attach-target=target=x86-64-avx512 | FileCheck %s --check-prefix=AVX512
// RUN: nm-opt %s --nm-attach-target | FileCheck %s --check-prefix=HOST
// A description that is there stays.
// RUN: nm-opt %s --nm-attach-target=target=x86-64 --nm-attach-target=target=aarch64-neon | FileCheck %s --check-prefix=STAYS
// RUN: nm-opt %s '--nm-attach-target=target={#nm.cpu<arch = "arm", features = "neon", vector = 128, registers = 16, l1 = 16384, l2 = 0, l3 = 0, line = 32, cores = 4>}' | FileCheck %s --check-prefix=TEXT
// RUN: not nm-opt %s --nm-attach-target=target=pentium 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not nm-opt %s '--nm-attach-target=target={#nm.cpu<arch = 3>}' 2>&1 | FileCheck %s --check-prefix=BROKEN

// The layouts follow from the description.
// RUN: nm-opt %s --nm-attach-target=target=x86-64-avx512 --nm-select-layout | FileCheck %s --check-prefix=WIDE
// RUN: nm-opt %s --nm-attach-target=target=aarch64-sve256 --nm-select-layout | FileCheck %s --check-prefix=SVE

// NEON: module attributes {nm.target = #nm.cpu<arch = "aarch64", features = "neon", vector = 128, registers = 32
// AVX512: module attributes {nm.target = #nm.cpu<arch = "x86_64", features = "avx2,avx512f,f16c,fma", vector = 512, registers = 32
// HOST: nm.target = #nm.cpu<arch = "{{[a-z0-9_]+}}", {{.*}} l1 = {{[1-9][0-9]+}}, {{.*}} cores = {{[1-9][0-9]*}}>
// STAYS: features = "", vector = 128, registers = 16
// TEXT: nm.target = #nm.cpu<arch = "arm", features = "neon", vector = 128, registers = 16, l1 = 16384, l2 = 0, l3 = 0, line = 32, cores = 4>
// UNKNOWN: error: unknown target 'pentium', expected host, aarch64-neon, aarch64-sve256, generic-host, x86-64, x86-64-avx2, x86-64-avx512 or #nm.cpu<...>
// BROKEN: error:
// WIDE: layout lane<lanes = 16>
// SVE: layout panel<
func.func @f(%x: tensor<1x64xf32>) -> tensor<1x96xf32> {
  %w = nm.param "w" : tensor<96x64xf32, #nm.sparsity<1:4, axis = 1>>
  %e = tensor.empty() : tensor<1x96xf32>
  %y = nm.matmul transpose_rhs ins(%x, %w : tensor<1x64xf32>, tensor<96x64xf32, #nm.sparsity<1:4, axis = 1>>)
      outs(%e : tensor<1x96xf32>) -> tensor<1x96xf32>
  return %y : tensor<1x96xf32>
}
