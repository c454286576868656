// RUN: nm-opt %s --split-input-file --verify-diagnostics

// expected-error @+1 {{[attacc_region_c1] has rank 5, expected 1 to 4}}
func.func private @rank(!attacc.region<1x2x3x4x5xf32, dram>)

// -----

// expected-error @+1 {{[attacc_region_c1] has the size 0, expected 1 to 2147483647}}
func.func private @size(!attacc.region<0xf32, dram>)

// -----

// expected-error @+1 {{[attacc_region_c1] has 2147483647x2147483647 elements, expected at most 2^48}}
func.func private @many(!attacc.region<2147483647x2147483647xf32, dram>)

// -----

// expected-error @+1 {{[attacc_region_c2] has elements of type 'f64', expected f32, f16, bf16 or i8}}
func.func private @elements(!attacc.region<4xf64, dram>)

// -----

// expected-error @+1 {{[attacc_device_c1] has 65 channels, expected 1 to 64}}
attacc.program @device for <name = "d", scratchpad = 100, channels = 65, patterns = ""> {
}

// -----

// expected-error @+1 {{[attacc_device_c1] has 0 segments, expected 1 to 2147483647}}
attacc.program @segments for <name = "d", scratchpad = 100, channels = 1, segments = 0, patterns = ""> {
}

// -----

// expected-error @+1 {{[attacc_device_c2] has the pattern 4:2, expected 1 <= N <= M <= 64}}
attacc.program @pattern for <name = "d", scratchpad = 100, channels = 1, patterns = "2:4,4:2"> {
}

// -----

attacc.program @stranger for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  // expected-error @+1 {{[attacc_program_c1] has no place in an attacc.program, expected only its operations}}
  %0 = arith.constant 0 : index
}

// -----

attacc.program @unnamed for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  // expected-error @+1 {{[attacc_tensor_c1] has no name, expected a name of its own}}
  %q = attacc.tensor "" in : !attacc.region<4xf32, dram>
}

// -----

attacc.program @twice for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  %q = attacc.tensor "q" in : !attacc.region<4xf32, dram>
  // expected-error @+1 {{[attacc_tensor_c1] has the name of another, expected a name of its own}}
  %r = attacc.tensor "q" out : !attacc.region<4xf32, dram>
}

// -----

attacc.program @strides for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  // expected-error @+1 {{[attacc_tensor_c2] has 1 strides, expected 2}}
  %q = attacc.tensor "q" in strides [4] : !attacc.region<4x4xf32, dram>
}

// -----

attacc.program @far for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  // expected-error @+1 {{[attacc_tensor_c2] has the stride 281474976710656, expected 1 or more and an end within 2^48 elements}}
  %q = attacc.tensor "q" in strides [281474976710656] : !attacc.region<4xf32, dram>
}

// -----

attacc.program @host for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  // expected-error @+1 {{[attacc_tensor_c3] has the host shape 2x3, expected as many elements as 4}}
  %q = attacc.tensor "q" in {host_shape = array<i64: 2, 3>} : !attacc.region<4xf32, dram>
}

// -----

attacc.program @hosttype for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  // expected-error @+1 {{[attacc_tensor_c3] has the host type 'f64', expected f32, f16, bf16 or i8}}
  %q = attacc.tensor "q" in {host_type = f64} : !attacc.region<4xf32, dram>
}

// -----

attacc.program @keyless for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  // expected-error @+1 {{[attacc_tensor_c4] is a parameter without key, expected one}}
  %q = attacc.tensor "q" param : !attacc.region<4xf32, dram>
}

// -----

attacc.program @key for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  // expected-error @+1 {{[attacc_tensor_c4] is in with a key, scope or part, expected them of parameters}}
  %q = attacc.tensor "q" in {key = "k"} : !attacc.region<4xf32, dram>
}

// -----

attacc.program @part for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  // expected-error @+1 {{[attacc_tensor_c4] holds indices as f32 of rank 2, expected rank 2, indices in i8 and values not}}
  %q = attacc.tensor "q" param {key = "k", part = #attacc.part<indices>, pattern = array<i64: 2, 4>} : !attacc.region<4x4xf32, dram>
}

// -----

attacc.program @patternless for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  // expected-error @+1 {{[attacc_tensor_c4] has the pattern 0:0, expected 1 <= N < M <= 64}}
  %q = attacc.tensor "q" param {key = "k", part = #attacc.part<values>} : !attacc.region<4x4xf32, dram>
}

// -----

attacc.program @dataless for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  // expected-error @+1 {{[attacc_tensor_c5] is constant without data, expected data of constants only}}
  %q = attacc.tensor "q" constant : !attacc.region<4xf32, dram>
}

// -----

attacc.program @data for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  // expected-error @+1 {{[attacc_tensor_c5] has data of type 'tensor<3xf32>', expected dense elements for '!attacc.region<4xf32, dram>'}}
  %q = attacc.tensor "q" constant {data = dense<0.0> : tensor<3xf32>} : !attacc.region<4xf32, dram>
}

// -----

attacc.program @slots for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  // expected-error @+1 {{[attacc_buffer_c1] has 257 slots, expected 1 to 256}}
  %b = attacc.buffer at 0 slots 257 : !attacc.region<1xf32, scratchpad>
}

// -----

attacc.program @aligned for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  // expected-error @+1 {{[attacc_buffer_c2] is at 2, expected a multiple of 4}}
  %b = attacc.buffer at 2 slots 1 : !attacc.region<1xf32, scratchpad>
}

// -----

attacc.program @capacity for <name = "d", scratchpad = 100, channels = 1, patterns = ""> {
  // expected-error @+1 {{[attacc_buffer_c2] at 0 has 2 slots of 64 bytes, expected an end within the 100 bytes of the scratchpad}}
  %b = attacc.buffer at 0 slots 2 : !attacc.region<16xf32, scratchpad>
}

// -----

attacc.program @count for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  // expected-error @+1 {{[attacc_semaphore_c1] starts at 256, expected 0 to 255}}
  %s = attacc.semaphore 256
}

// -----

attacc.program @two_queues for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  %s = attacc.semaphore 0
  // expected-note @+1 {{the first that does so}}
  attacc.sync array signal(%s)
  // expected-error @+1 {{[attacc_semaphore_c2] signals semaphore 0 on special, expected array, which does so before}}
  attacc.sync special signal(%s)
}

// -----

attacc.program @twice_in_list for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  %s = attacc.semaphore 0
  // expected-error @+1 {{[attacc_semaphore_c2] waits for semaphore 0 twice, expected once}}
  attacc.sync array wait(%s, %s)
}

// -----

attacc.program @channel for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  // expected-error @+1 {{[attacc_sync_c1] has channel 1 on array, expected 0}}
  attacc.sync array channel 1
}

// -----

attacc.program @channels for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  // expected-error @+1 {{[attacc_move_c2] has channel 2, expected 0 to 1}}
  attacc.sync load channel 2
}

// -----

attacc.program @offsets for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  %q = attacc.tensor "q" in : !attacc.region<4x4xf32, dram>
  // expected-error @+1 {{[attacc_tile_c1] has 1 offsets, expected 2}}
  %t = attacc.tile %q[0] : !attacc.region<4x4xf32, dram> -> !attacc.region<2x2xf32, dram>
}

// -----

attacc.program @slot for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  %b = attacc.buffer at 0 slots 2 : !attacc.region<4xf32, scratchpad>
  // expected-error @+1 {{[attacc_tile_c1] is in slot 2, expected 0 to 1}}
  %t = attacc.tile %b[0] slot 2 : !attacc.region<4xf32, scratchpad> -> !attacc.region<4xf32, scratchpad>
}

// -----

attacc.program @shape for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  %q = attacc.tensor "q" in : !attacc.region<4x4xf32, dram>
  // expected-error @+1 {{[attacc_tile_c2] makes '!attacc.region<4xf32, dram>' of '!attacc.region<4x4xf32, dram>', expected equal rank or dims}}
  %t = attacc.tile %q[0, 0] : !attacc.region<4x4xf32, dram> -> !attacc.region<4xf32, dram>
}

// -----

attacc.program @dims for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  %q = attacc.tensor "q" in : !attacc.region<4x4xf32, dram>
  // expected-error @+1 {{[attacc_tile_c2] has the dimension 1, expected each of 0 to 1 at most once}}
  %t = attacc.tile %q[0, 0] dims [1, 1] : !attacc.region<4x4xf32, dram> -> !attacc.region<2x2xf32, dram>
}

// -----

attacc.program @slot_of_tensor for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  %q = attacc.tensor "q" in : !attacc.region<4x4xf32, dram>
  // expected-error @+1 {{[attacc_tile_c1] is in slot 1, expected 0 to 0}}
  %t = attacc.tile %q[0, 0] slot 1 : !attacc.region<4x4xf32, dram> -> !attacc.region<2x2xf32, dram>
}

// -----

attacc.program @tile_of_tile for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  %q = attacc.tensor "q" in : !attacc.region<4x4xf32, dram>
  %t = attacc.tile %q[0, 0] : !attacc.region<4x4xf32, dram> -> !attacc.region<2x2xf32, dram>
  // expected-error @+1 {{[attacc_tile_c4] expected a tensor or a buffer}}
  %u = attacc.tile %t[0, 0] : !attacc.region<2x2xf32, dram> -> !attacc.region<2x2xf32, dram>
}

// -----

attacc.program @bounds for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  %q = attacc.tensor "q" in : !attacc.region<16xf32, dram>
  attacc.loop 3 {
  ^bb0(%i: index):
    // expected-error @+1 {{[attacc_tile_c3] covers 0 to 24 of dimension 0, expected a part of 0 to 16}}
    %t = attacc.tile %q[0] by (%i) steps [8] : !attacc.region<16xf32, dram> -> !attacc.region<8xf32, dram>
  }
}

// -----

attacc.program @counter_twice for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  %q = attacc.tensor "q" in : !attacc.region<16xf32, dram>
  attacc.loop 3 {
  ^bb0(%i: index):
    // expected-error @+1 {{[attacc_tile_c5] follows a counter twice, expected once}}
    %t = attacc.tile %q[0] by (%i, %i) steps [1, 1] : !attacc.region<16xf32, dram> -> !attacc.region<8xf32, dram>
  }
}

// -----

attacc.program @trips for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  // expected-error @+1 {{[attacc_loop_c1] has 0 trips, expected 1 to 2147483647}}
  attacc.loop 0 {
  ^bb0(%i: index):
  }
}

// -----

attacc.program @argument for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  // expected-error @+1 {{[attacc_loop_c2] expected one argument of type index}}
  attacc.loop 2 {
  ^bb0(%i: i32):
  }
}

// -----

attacc.program @nest for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  attacc.loop 1 {
  ^bb0(%i0: index):
  attacc.loop 1 {
  ^bb0(%i1: index):
  attacc.loop 1 {
  ^bb0(%i2: index):
  attacc.loop 1 {
  ^bb0(%i3: index):
  attacc.loop 1 {
  ^bb0(%i4: index):
  attacc.loop 1 {
  ^bb0(%i5: index):
  attacc.loop 1 {
  ^bb0(%i6: index):
  attacc.loop 1 {
  ^bb0(%i7: index):
  // expected-error @+1 {{[attacc_loop_c3] is nested in 8 loops, expected at most 7}}
  attacc.loop 1 {
  ^bb0(%i8: index):
  }
  }
  }
  }
  }
  }
  }
  }
  }
}

// -----

attacc.program @moved for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  %q = attacc.tensor "q" in : !attacc.region<4x4xf32, dram>
  %b = attacc.buffer at 0 slots 1 : !attacc.region<4x3xf32, scratchpad>
  // expected-error @+1 {{[attacc_move_c1] moves 4x4 f32 to 4x3 f32, expected equal shapes and elements}}
  attacc.load %q to %b channel 0 : !attacc.region<4x4xf32, dram> to !attacc.region<4x3xf32, scratchpad>
}

// -----

attacc.program @stored for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  // expected-note @+1 {{the tensor}}
  %q = attacc.tensor "q" in : !attacc.region<4x4xf32, dram>
  %b = attacc.buffer at 0 slots 1 : !attacc.region<4x4xf32, scratchpad>
  // expected-error @+1 {{[attacc_move_c3] writes 'q', which is in, expected out or scratch}}
  attacc.store %b to %q channel 0 : !attacc.region<4x4xf32, scratchpad> to !attacc.region<4x4xf32, dram>
}

// -----

attacc.program @gemm_shapes for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  %a = attacc.buffer at 0 slots 1 : !attacc.region<2x3xf32, scratchpad>
  %b = attacc.buffer at 1024 slots 1 : !attacc.region<4x5xf32, scratchpad>
  %c = attacc.buffer at 2048 slots 1 : !attacc.region<2x5xf32, scratchpad>
  // expected-error @+1 {{[attacc_gemm_c1] multiplies 2x3 f32 by 4x5 f32 into 2x5 f32, expected M x K by K x N into M x N after the transposes}}
  attacc.gemm output %a, %b into %c : !attacc.region<2x3xf32, scratchpad>, !attacc.region<4x5xf32, scratchpad> into !attacc.region<2x5xf32, scratchpad>
}

// -----

attacc.program @gemm_batch for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  %a = attacc.buffer at 0 slots 1 : !attacc.region<2x2x3xf32, scratchpad>
  %b = attacc.buffer at 1024 slots 1 : !attacc.region<1x3x5xf32, scratchpad>
  %c = attacc.buffer at 2048 slots 1 : !attacc.region<2x2x5xf32, scratchpad>
  // expected-error @+1 {{[attacc_gemm_c1] multiplies}}
  attacc.gemm output %a, %b into %c : !attacc.region<2x2x3xf32, scratchpad>, !attacc.region<1x3x5xf32, scratchpad> into !attacc.region<2x2x5xf32, scratchpad>
}

// -----

attacc.program @gemm_types for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  %a = attacc.buffer at 0 slots 1 : !attacc.region<2x3xf32, scratchpad>
  %b = attacc.buffer at 1024 slots 1 : !attacc.region<3x5xf16, scratchpad>
  %c = attacc.buffer at 2048 slots 1 : !attacc.region<2x5xf32, scratchpad>
  // expected-error @+1 {{[attacc_gemm_c2] multiplies f32 by f16, expected equal f16, bf16 or f32}}
  attacc.gemm output %a, %b into %c : !attacc.region<2x3xf32, scratchpad>, !attacc.region<3x5xf16, scratchpad> into !attacc.region<2x5xf32, scratchpad>
}

// -----

attacc.program @gemm_scale for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  %a = attacc.buffer at 0 slots 1 : !attacc.region<2x3xf32, scratchpad>
  %b = attacc.buffer at 1024 slots 1 : !attacc.region<3x5xf32, scratchpad>
  %c = attacc.buffer at 2048 slots 1 : !attacc.region<2x5xf32, scratchpad>
  // expected-error @+1 {{[attacc_gemm_c2] has the factor inf, expected a finite one}}
  attacc.gemm output %a, %b into %c {scale = 0x7F800000 : f32} : !attacc.region<2x3xf32, scratchpad>, !attacc.region<3x5xf32, scratchpad> into !attacc.region<2x5xf32, scratchpad>
}

// -----

attacc.program @gemm_segments for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  %a = attacc.buffer at 0 slots 1 : !attacc.region<3x2x3xf32, scratchpad>
  %b = attacc.buffer at 1024 slots 1 : !attacc.region<3x3x5xf32, scratchpad>
  %c = attacc.buffer at 2048 slots 1 : !attacc.region<3x2x5xf32, scratchpad>
  // expected-error @+1 {{[attacc_gemm_c3] has 3 products side by side, expected at most the 2 segments of the array}}
  attacc.gemm output %a, %b into %c : !attacc.region<3x2x3xf32, scratchpad>, !attacc.region<3x3x5xf32, scratchpad> into !attacc.region<3x2x5xf32, scratchpad>
}

// -----

attacc.program @unknown_pattern for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  %a = attacc.buffer at 0 slots 1 : !attacc.region<2x8xf32, scratchpad>
  %v = attacc.buffer at 1024 slots 1 : !attacc.region<2x2xf32, scratchpad>
  %x = attacc.buffer at 2048 slots 1 : !attacc.region<2x1xi8, scratchpad>
  %c = attacc.buffer at 3072 slots 1 : !attacc.region<2x2xf32, scratchpad>
  // expected-error @+1 {{[attacc_nm_gemm_c1] has the pattern 1:4, expected one that d decodes: 2:4}}
  attacc.nm_gemm weight %a, %v[%x] into %c pattern 1 by 4 : !attacc.region<2x8xf32, scratchpad>, !attacc.region<2x2xf32, scratchpad>, !attacc.region<2x1xi8, scratchpad> into !attacc.region<2x2xf32, scratchpad>
}

// -----

attacc.program @groups for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  %a = attacc.buffer at 0 slots 1 : !attacc.region<2x6xf32, scratchpad>
  %v = attacc.buffer at 1024 slots 1 : !attacc.region<2x3xf32, scratchpad>
  %x = attacc.buffer at 2048 slots 1 : !attacc.region<2x1xi8, scratchpad>
  %c = attacc.buffer at 3072 slots 1 : !attacc.region<2x2xf32, scratchpad>
  // expected-error @+1 {{[attacc_nm_gemm_c2] has depth 6, expected a multiple of 4}}
  attacc.nm_gemm weight %a, %v[%x] into %c pattern 2 by 4 : !attacc.region<2x6xf32, scratchpad>, !attacc.region<2x3xf32, scratchpad>, !attacc.region<2x1xi8, scratchpad> into !attacc.region<2x2xf32, scratchpad>
}

// -----

attacc.program @nm_shapes for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  %a = attacc.buffer at 0 slots 1 : !attacc.region<2x8xf32, scratchpad>
  %v = attacc.buffer at 1024 slots 1 : !attacc.region<2x3xf32, scratchpad>
  %x = attacc.buffer at 2048 slots 1 : !attacc.region<2x1xi8, scratchpad>
  %c = attacc.buffer at 3072 slots 1 : !attacc.region<2x2xf32, scratchpad>
  // expected-error @+1 {{[attacc_nm_gemm_c3] has values}}
  attacc.nm_gemm weight %a, %v[%x] into %c pattern 2 by 4 : !attacc.region<2x8xf32, scratchpad>, !attacc.region<2x3xf32, scratchpad>, !attacc.region<2x1xi8, scratchpad> into !attacc.region<2x2xf32, scratchpad>
}

// -----

attacc.program @nm_types for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  %a = attacc.buffer at 0 slots 1 : !attacc.region<2x8xf32, scratchpad>
  %v = attacc.buffer at 1024 slots 1 : !attacc.region<2x4xf32, scratchpad>
  %x = attacc.buffer at 2048 slots 1 : !attacc.region<2x1xf32, scratchpad>
  %c = attacc.buffer at 3072 slots 1 : !attacc.region<2x2xf32, scratchpad>
  // expected-error @+1 {{[attacc_nm_gemm_c4] has indices of f32, expected i8}}
  attacc.nm_gemm weight %a, %v[%x] into %c pattern 2 by 4 : !attacc.region<2x8xf32, scratchpad>, !attacc.region<2x4xf32, scratchpad>, !attacc.region<2x1xf32, scratchpad> into !attacc.region<2x2xf32, scratchpad>
}

// -----

attacc.program @rows for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  %a = attacc.buffer at 0 slots 1 : !attacc.region<2x4xf32, scratchpad>
  %m = attacc.buffer at 1024 slots 1 : !attacc.region<3xf32, scratchpad>
  // expected-error @+1 {{[attacc_row_c1] has the row vector 3 f32, expected 2 elements}}
  attacc.row_max %a into %m : !attacc.region<2x4xf32, scratchpad> into !attacc.region<3xf32, scratchpad>
}

// -----

attacc.program @same for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  %a = attacc.buffer at 0 slots 1 : !attacc.region<2x4xf32, scratchpad>
  %m = attacc.buffer at 1024 slots 1 : !attacc.region<2x3xf32, scratchpad>
  // expected-error @+1 {{[attacc_elements_c1] has 2x4 f32 and 2x3 f32, expected equal shapes}}
  attacc.unary relu %a into %m : !attacc.region<2x4xf32, scratchpad> into !attacc.region<2x3xf32, scratchpad>
}

// -----

attacc.program @special for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  %a = attacc.buffer at 0 slots 1 : !attacc.region<4xi8, scratchpad>
  // expected-error @+1 {{[attacc_special_c1] operand 0 is of i8, expected f32, f16 or bf16}}
  attacc.fill %a with 0.0 : !attacc.region<4xi8, scratchpad>
}

// -----

attacc.program @softmax_scale for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  %a = attacc.buffer at 0 slots 1 : !attacc.region<2x4xf32, scratchpad>
  // expected-error @+1 {{[attacc_elements_c1] has the scale}}
  attacc.softmax %a into %a scale 0x7F800000 : !attacc.region<2x4xf32, scratchpad> into !attacc.region<2x4xf32, scratchpad>
}

// -----

attacc.program @layernorm for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  %a = attacc.buffer at 0 slots 1 : !attacc.region<2x4xf32, scratchpad>
  %g = attacc.buffer at 1024 slots 1 : !attacc.region<4xf32, scratchpad>
  // expected-error @+1 {{[attacc_layernorm_c1] has}}
  attacc.layernorm %a, %g, %g into %a epsilon 0.0 : !attacc.region<2x4xf32, scratchpad>, !attacc.region<4xf32, scratchpad>, !attacc.region<4xf32, scratchpad> into !attacc.region<2x4xf32, scratchpad>
}

// -----

attacc.program @elementwise for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  %a = attacc.buffer at 0 slots 1 : !attacc.region<2x4xf32, scratchpad>
  %g = attacc.buffer at 1024 slots 1 : !attacc.region<2xf32, scratchpad>
  // expected-error @+1 {{[attacc_elementwise_c1] has}}
  attacc.elementwise add %a, %g into %a : !attacc.region<2x4xf32, scratchpad>, !attacc.region<2xf32, scratchpad> into !attacc.region<2x4xf32, scratchpad>
}

// -----

attacc.program @mask for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  %a = attacc.buffer at 0 slots 1 : !attacc.region<2x4xf32, scratchpad>
  // expected-error @+1 {{[attacc_mask_c1] masks 2x4 f32 with a group of 0, a window of 0 and 0 keys, expected rank 2, a group of at least 1 and the others not negative}}
  attacc.mask %a row 0 column 0 {group = 0 : i64} : !attacc.region<2x4xf32, scratchpad>
}

// -----

attacc.program @mask_place for <name = "d", scratchpad = 4096, channels = 2, segments = 2, patterns = "2:4"> {
  %a = attacc.buffer at 0 slots 1 : !attacc.region<2x4xf32, scratchpad>
  // expected-error @+1 {{[attacc_mask_c2] has a row that begins at -1, expected a place that is never negative}}
  attacc.mask %a row -1 column 0 : !attacc.region<2x4xf32, scratchpad>
}
