// Damaged and foreign files are refused with a reason, exit code 1 and no
// output.

// RUN: nm-translate --attacc-to-binary %s -o %t.bin
// RUN: nm-translate --attacc-to-asm %s -o %t.asm
// RUN: nm-translate --attacc-to-json %s -o %t.json

// RUN: head -c 20 %t.bin > %t.short
// RUN: not nm-translate --binary-to-attacc %t.short -o %t.out 2>&1 | FileCheck %s --check-prefix=SHORT
// RUN: not test -e %t.out
// SHORT: error: {{.*}}.short: {{.*}}expected

// RUN: %python -c "import sys; b = bytearray(open(sys.argv[1], 'rb').read()); b[-9] ^= 4; open(sys.argv[2], 'wb').write(b)" %t.bin %t.flipped
// RUN: not nm-translate --binary-to-asm %t.flipped 2>&1 | FileCheck %s --check-prefix=FLIPPED
// FLIPPED: error: {{.*}}.flipped: {{.*}}

// RUN: not nm-translate --binary-to-json %t.json 2>&1 | FileCheck %s --check-prefix=MAGIC
// MAGIC: error: {{.*}}.json: {{.*}}expected

// RUN: head -c 100 %t.json > %t.cut
// RUN: not nm-translate --json-to-attacc %t.cut 2>&1 | FileCheck %s --check-prefix=CUT
// CUT: error: {{.*}}.cut: {{.*}}

// RUN: sed 's/barrier/barriers/' %t.asm > %t.word
// RUN: not nm-translate --asm-to-binary %t.word 2>&1 | FileCheck %s --check-prefix=WORD
// WORD: .word:{{[0-9]+}}:{{[0-9]+}}: error: {{.*}}barriers

// A file that reads well but holds what no machine can do.
// RUN: sed 's/"scratchpad_bytes": 4096/"scratchpad_bytes": 8/; s/"scratchpad":4096/"scratchpad":8/; s/"scratchpad": 4096/"scratchpad": 8/' %t.json > %t.small
// RUN: not nm-translate --json-to-attacc %t.small 2>&1 | FileCheck %s --check-prefix=SMALL
// SMALL: error: {{.*}}[attacc_buffer_c2]

attacc.program @p for <name = "d", scratchpad = 4096, channels = 1, patterns = ""> {
  %q = attacc.tensor "q" in : !attacc.region<16xf32, dram>
  %b = attacc.buffer at 0 slots 1 : !attacc.region<16xf32, scratchpad>
  attacc.load %q to %b channel 0 : !attacc.region<16xf32, dram> to !attacc.region<16xf32, scratchpad>
  attacc.barrier
}
