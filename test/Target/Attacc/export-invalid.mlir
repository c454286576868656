// RUN: split-file %s %t
// RUN: not nm-translate --attacc-to-asm %t/none.mlir 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not nm-translate --attacc-to-asm %t/two.mlir 2>&1 | FileCheck %s --check-prefix=TWO
// RUN: not nm-translate --attacc-to-asm %t/nowhere.mlir 2>&1 | FileCheck %s --check-prefix=NOWHERE
// RUN: not nm-translate --attacc-to-asm %t/vast.mlir 2>&1 | FileCheck %s --check-prefix=VAST

//--- none.mlir
// NONE: error: holds 0 operations attacc.program, expected exactly one
module {}

//--- two.mlir
// TWO: error: holds 2 operations attacc.program, expected exactly one
attacc.program @a for <name = "d", scratchpad = 1, channels = 1, patterns = ""> {
}
attacc.program @b for <name = "d", scratchpad = 1, channels = 1, patterns = ""> {
}

//--- nowhere.mlir
// NOWHERE: error: [attacc_tensor_c5] has data in the resource 'gone' that is nowhere, expected its content in the file
attacc.program @c for <name = "d", scratchpad = 1, channels = 1, patterns = ""> {
  %c = attacc.tensor "c" constant {data = dense_resource<gone> : tensor<4xf32>} : !attacc.region<4xf32, dram>
}

//--- vast.mlir
// VAST: error: [attacc_tensor_c5] has 562949953159168 bytes of data, expected at most 2^31 in a program
attacc.program @v for <name = "d", scratchpad = 1, channels = 1, patterns = ""> {
  %c = attacc.tensor "c" constant {data = dense<1.0> : tensor<2147483647x65536xf32>} : !attacc.region<2147483647x65536xf32, dram>
}
