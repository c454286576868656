" Part of nm, under the Apache License v2.0 with LLVM Exceptions.
" SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
" Made by scripts/lib/editor_syntax.py; scripts/docs writes it again.
if exists("b:current_syntax")
  finish
endif
setlocal iskeyword=@,48-57,_
syn keyword attaccSection buffer code program semaphore target tensor
syn keyword attaccOpcode barrier elementwise end_loop exp_sum fill gemm layernorm load loop mask
syn keyword attaccOpcode nm_gemm online_rescale row_max scale softmax store sync unary
syn keyword attaccType bf16 f16 f32 i8
syn keyword attaccField accumulate at binary causal channel channels column data dims engine
syn keyword attaccField group host_shape host_type key keys part pattern reciprocal row scope
syn keyword attaccField scratchpad segments shape signal slot slots stationary strides transpose_lhs transpose_rhs
syn keyword attaccField trips value wait window
syn keyword attaccValue add array constant copy cos div erf exp gelu gelu_tanh
syn keyword attaccValue in indices input log max mul out output param relu
syn keyword attaccValue rsqrt scratch silu sin special sqrt sub tanh transposed transposed_indices
syn keyword attaccValue transposed_values values weight whole
syn match attaccObject /\<[tbsl][0-9]\+\>/
syn match attaccNumber /\<\%(0x[0-9A-Fa-f]\+\|[0-9]\+\%(\.[0-9]*\)\?\)\>/
syn region attaccString start=/"/ skip=/\\\\\|\\"/ end=/"/
syn match attaccComment /;.*$/ contains=@Spell
hi def link attaccSection PreProc
hi def link attaccOpcode Function
hi def link attaccType Type
hi def link attaccField Keyword
hi def link attaccValue Constant
hi def link attaccObject Identifier
hi def link attaccNumber Number
hi def link attaccString String
hi def link attaccComment Comment
let b:current_syntax = "attacc"
