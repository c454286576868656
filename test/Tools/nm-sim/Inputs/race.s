; ATTACC assembly, docs/attacc-isa.md
program "race"
target "edge" scratchpad 4096 channels 1 segments 1
tensor "q" in f32 shape [64]
tensor "o" out f32 shape [64]
buffer at 0 slots 2 f32 shape [8]
code
  loop 8
    load t0[0 + 8*l0:8], b0[0:8] slot(0 + 1*l0)
    store b0[0:8] slot(0 + 1*l0), t1[0 + 8*l0:8]
  end_loop
