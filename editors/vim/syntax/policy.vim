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
syn keyword policyWord before below bits burst by bytes capacity ceil ecn field
syn keyword policyWord full gentle idle interval limit max min mtu out over
syn keyword policyWord pace packet packets per prio probability push quantum rate refuse
syn keyword policyWord scheduler seed shape share target update weight weights
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
