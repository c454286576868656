" Part of nm, under the Apache License v2.0 with LLVM Exceptions.
" SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
" Made by scripts/lib/editor_syntax.py; scripts/docs writes it again.
if exists("b:current_syntax")
  finish
endif
setlocal iskeyword=@,48-57,_,.
syn match mlirOperation /\<[a-z_][a-z_0-9]*\.[a-z_0-9.]*\w/
syn keyword mlirOurs attacc.barrier attacc.buffer attacc.elementwise attacc.exp_sum attacc.fill attacc.gemm
syn keyword mlirOurs attacc.layernorm attacc.load attacc.loop attacc.mask attacc.nm_gemm attacc.online_rescale
syn keyword mlirOurs attacc.program attacc.row_max attacc.scale attacc.semaphore attacc.softmax attacc.store
syn keyword mlirOurs attacc.sync attacc.tensor attacc.tile attacc.unary flat.attention flat.dequantize_rows
syn keyword mlirOurs flat.quantize_rows flat.yield kernel.pack kernel.tile_product layer.embedding layer.gelu
syn keyword mlirOurs layer.gelu_tanh layer.norm layer.rms_norm layer.rotary layer.swish nm.assemble
syn keyword mlirOurs nm.compress nm.decompress nm.disassemble nm.matmul nm.measure_begin nm.measure_end
syn keyword mlirOurs nm.measure_memory nm.packed_matmul nm.packed_param nm.param nm.prune nm.require
syn keyword mlirOurs nm.yield pifo.admit pifo.backlog pifo.child pifo.deliver pifo.dequeue
syn keyword mlirOurs pifo.eligible pifo.evict pifo.field pifo.in_order pifo.inside pifo.load
syn keyword mlirOurs pifo.lookup pifo.mesh pifo.mesh.block pifo.mesh.classifier pifo.mesh.field pifo.mesh.leaf
syn keyword mlirOurs pifo.mesh.leaf_number pifo.mesh.load pifo.mesh.lookup pifo.mesh.next pifo.mesh.now pifo.mesh.pifo
syn keyword mlirOurs pifo.mesh.pifo_number pifo.mesh.program pifo.mesh.rank pifo.mesh.read pifo.mesh.root pifo.mesh.route
syn keyword mlirOurs pifo.mesh.state pifo.mesh.store pifo.mesh.write pifo.mesh.yield pifo.node pifo.now
syn keyword mlirOurs pifo.offer pifo.predicate pifo.rank pifo.read_field pifo.room pifo.scheduler
syn keyword mlirOurs pifo.scheduling pifo.select pifo.shaping pifo.state pifo.store pifo.table
syn keyword mlirOurs pifo.waiting pifo.wake pifo.write_field pifo.yield step.adam_update step.change_product
syn keyword mlirOurs step.change_sum step.count_nonfinite step.descend step.effective step.frozen_update step.mask
syn keyword mlirOurs step.moment step.scale step.second_moment step.soft_threshold step.straight_through step.transposable_mask
syn keyword mlirOurs step.weight_decay tile.at tile.attention tile.column tile.elementwise tile.exp_sum
syn keyword mlirOurs tile.fill tile.for tile.gemm tile.kernel tile.layernorm tile.load
syn keyword mlirOurs tile.load_heads tile.mask tile.nm_gemm tile.online_rescale tile.part tile.phase
syn keyword mlirOurs tile.place tile.product tile.put tile.row_max tile.rows tile.scale
syn keyword mlirOurs tile.slice tile.softmax tile.store tile.store_heads tile.sync tile.unary
syn keyword mlirOurs tile.vector tile.when tile.yield
syn keyword mlirWord affine_map affine_set array ceildiv dense dense_resource dialect_resources else external_resources false
syn keyword mlirWord floordiv for if in ins into loc mod outs parallel
syn keyword mlirWord private public step then to true unit while
syn keyword mlirType bf16 complex f16 f32 f64 f80 f128 index memref none
syn keyword mlirType tensor tf32 tuple vector
syn match mlirType /\%(\<\|[0-9?*]x\)\@<=\%([su]\?i[0-9]\+\|b\?f[0-9]\+\|index\)\>/
syn match mlirType /!\%(attacc\|flat\|kernel\|layer\|nm\|pifo\|step\|tile\)\.[A-Za-z_0-9.]*/
syn match mlirAttribute /#\%(attacc\|flat\|kernel\|layer\|nm\|pifo\|step\|tile\)\.[A-Za-z_0-9.]*/
syn match mlirNumber /\<[0-9]\+\%(\.[0-9]*\)\?\%([eE][-+]\?[0-9]\+\)\?\>/
syn match mlirNumber /\<0x[0-9A-Fa-f]\+\>/
syn match mlirPattern /\<[0-9]\+:[0-9]\+\>/
syn match mlirValue /%[A-Za-z0-9_$.#-]\+/
syn match mlirBlock /\^[A-Za-z0-9_$.-]\+/
syn match mlirSymbol /@\%([A-Za-z_][A-Za-z0-9_$.-]*\|"[^"]*"\)/
syn region mlirString start=/"/ skip=/\\\\\|\\"/ end=/"/
syn match mlirComment /\/\/.*$/ contains=@Spell
hi def link mlirOurs Function
hi def link mlirOperation Statement
hi def link mlirWord Keyword
hi def link mlirType Type
hi def link mlirAttribute PreProc
hi def link mlirNumber Number
hi def link mlirPattern Number
hi def link mlirValue Identifier
hi def link mlirBlock Label
hi def link mlirSymbol Identifier
hi def link mlirString String
hi def link mlirComment Comment
let b:current_syntax = "mlir"
