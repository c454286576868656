; ATTACC assembly, docs/attacc-isa.md
program "load"
target "edge" scratchpad 524288 channels 4 segments 1 pattern 1:4
tensor "x" in f16 shape [64, 32]
buffer at 0 slots 2 f16 shape [8, 32]
semaphore 2
code
  loop 8
    load t0[0 + 8*l0:8, 0:32], b0[0:8, 0:32] slot(0 + 1*l0) wait s0 signal s1
    unary b0[0:8, 0:32], b0[0:8, 0:32] unary gelu_tanh ; store
  end_loop
