" Part of nm, under the Apache License v2.0 with LLVM Exceptions.
" SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
" Made by scripts/lib/editor_syntax.py; scripts/docs writes it again.
if exists("b:current_syntax")
  finish
endif
setlocal iskeyword=@,48-57,_
syn keyword policyOrder codel drr edf fifo htb pie priority red rr strict
syn keyword policyOrder wf2q wfq
syn keyword policyLogic and in not or when
syn keyword policyWord above before below bits burst by bytes capacity ceil ecn
syn keyword policyWord field for full gentle hfsc idle interval limit mark max
syn keyword policyWord min mtu order out over pace packet packets per prio
syn keyword policyWord probability push quantum rate real refuse scheduler seed shape share
syn keyword policyWord target then update upper weight weights
syn match policyClass /\<[A-Za-z_]\w*\ze\s*:/
syn match policyNumber /\<[0-9]\+\%(\.[0-9]\+\)\?\%(ms\|ns\|s\|us\|k\|M\|G\|T\)\?\>/
syn match policyComment /#.*$/ contains=@Spell
hi def link policyOrder Function
hi def link policyLogic Operator
hi def link policyWord Keyword
hi def link policyClass Label
hi def link policyNumber Number
hi def link policyComment Comment
let b:current_syntax = "policy"
