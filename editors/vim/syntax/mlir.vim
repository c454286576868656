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
syn keyword mlirOurs flat.quantize_rows flat.yield kernel.lane_product kernel.pack kernel.tile_product layer.embedding
syn keyword mlirOurs layer.gelu layer.gelu_tanh layer.norm layer.rms_norm layer.rotary layer.swish
syn keyword mlirOurs nm.assemble nm.compress nm.decompress nm.disassemble nm.matmul nm.measure_begin
syn keyword mlirOurs nm.measure_end nm.measure_memory nm.packed_matmul nm.packed_param nm.param nm.prune
syn keyword mlirOurs nm.require nm.yield pifo.admit pifo.backlog pifo.child pifo.deliver
syn keyword mlirOurs pifo.dequeue pifo.eligible pifo.evict pifo.field pifo.in_order pifo.inside
syn keyword mlirOurs pifo.load pifo.lookup pifo.mesh pifo.mesh.block pifo.mesh.classifier pifo.mesh.field
syn keyword mlirOurs pifo.mesh.leaf pifo.mesh.leaf_number pifo.mesh.load pifo.mesh.lookup pifo.mesh.next pifo.mesh.now
syn keyword mlirOurs pifo.mesh.pifo pifo.mesh.pifo_number pifo.mesh.program pifo.mesh.rank pifo.mesh.read pifo.mesh.root
syn keyword mlirOurs pifo.mesh.route pifo.mesh.state pifo.mesh.store pifo.mesh.write pifo.mesh.yield pifo.node
syn keyword mlirOurs pifo.now pifo.offer pifo.predicate pifo.rank pifo.read_field pifo.room
syn keyword mlirOurs pifo.scheduler pifo.scheduling pifo.select pifo.shaping pifo.state pifo.store
syn keyword mlirOurs pifo.table pifo.waiting pifo.wake pifo.write_field pifo.yield step.adam_update
syn keyword mlirOurs step.change_product step.change_sum step.count_nonfinite step.descend step.effective step.frozen_update
syn keyword mlirOurs step.mask step.moment step.scale step.second_moment step.soft_threshold step.straight_through
syn keyword mlirOurs step.transposable_mask step.weight_decay tile.at tile.attention tile.column tile.elementwise
syn keyword mlirOurs tile.exp_sum tile.fill tile.for tile.gemm tile.kernel tile.layernorm
syn keyword mlirOurs tile.load tile.load_heads tile.mask tile.nm_gemm tile.online_rescale tile.part
syn keyword mlirOurs tile.phase tile.place tile.product tile.put tile.row_max tile.rows
syn keyword mlirOurs tile.scale tile.slice tile.softmax tile.store tile.store_heads tile.sync
syn keyword mlirOurs tile.unary tile.vector tile.when tile.yield
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
