// Passes that want others before them say so.
// RUN: not nm-opt %s --pass-pipeline='builtin.module(attacc.program(tile-to-attacc))' 2>&1 | FileCheck %s --check-prefix=ROWS
// RUN: not nm-opt %s --pass-pipeline='builtin.module(attacc.program(tile-block-rows,tile-to-attacc))' 2>&1 | FileCheck %s --check-prefix=CHANNEL
// RUN: not nm-opt %s --pass-pipeline='builtin.module(attacc.program(tile-block-rows,tile-assign-engines,tile-insert-sync))' 2>&1 | FileCheck %s --check-prefix=SLOTS
// RUN: not nm-opt %s --pass-pipeline='builtin.module(attacc.program(tile-block-rows,tile-assign-engines,tile-allocate))' 2>&1 | FileCheck %s --check-prefix=SLOTS
// RUN: not nm-opt %s --pass-pipeline='builtin.module(attacc.program(tile-block-rows,tile-assign-engines,tile-choose-slots,tile-insert-sync,tile-to-attacc))' 2>&1 | FileCheck %s --check-prefix=PLACES
// ROWS: error: 'tile.rows' op is no kernel yet, expected --tile-block-rows to have run
// CHANNEL: error: 'tile.load' op has no tile.channel, expected --tile-assign-engines to have run
// SLOTS: error: 'tile.load' op has no tile.slots, expected --tile-choose-slots to have run
// PLACES: error: 'tile.load' op has no tile.addresses or tile.slots, expected --tile-allocate to have run

attacc.program @order for #attacc.device<name = "edge", scratchpad = 524288, channels = 4, patterns = "2:4"> {
  %x = attacc.tensor "x" in : !attacc.region<100x64xf16, dram>
  %y = attacc.tensor "y" out : !attacc.region<100x64xf16, dram>
  tile.rows "a softmax" (%x) into (%y) : !attacc.region<100x64xf16, dram> into !attacc.region<100x64xf16, dram> {
  ^bb0(%a: tensor<100x64xf16>):
    %s = tile.softmax %a scale 1.0 : tensor<100x64xf16> -> tensor<100x64xf16>
    tile.yield %s : tensor<100x64xf16>
  }
}
