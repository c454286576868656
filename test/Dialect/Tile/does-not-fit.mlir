// Kernels written by hand whose blocks are too large.
// RUN: not nm-opt %s --pass-pipeline='builtin.module(attacc.program(tile-assign-engines,tile-choose-slots))' 2>&1 | FileCheck %s --check-prefix=SLOTS
// RUN: not nm-opt %s --pass-pipeline='builtin.module(attacc.program(tile-allocate))' 2>&1 | FileCheck %s --check-prefix=PLACES
// SLOTS: error: needs 65536 bytes for one round, expected them within the 32768 of the scratchpad; smaller blocks may fit
// PLACES: error: takes 262144 bytes with its slots, expected at most the 32768 of the scratchpad

attacc.program @large for #attacc.device<name = "edge", scratchpad = 32768, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<1024x64xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<1024x64xf16, dram>
  tile.kernel "a softmax" {
    tile.for 1024 by 256 {
    ^bb0(%i: index):
      %a = tile.load %x rows %i {tile.slots = array<i64: 4>} : !attacc.region<1024x64xf16, dram> -> tensor<256x64xf16>
      %s = tile.softmax %a scale 1.0 {tile.slots = array<i64: 4>} : tensor<256x64xf16> -> tensor<256x64xf16>
      tile.store %s into %y rows %i : tensor<256x64xf16> into !attacc.region<1024x64xf16, dram>
    }
  }
}
