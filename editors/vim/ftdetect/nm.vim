" Part of nm, under the Apache License v2.0 with LLVM Exceptions.
" SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
au BufRead,BufNewFile *.mlir setfiletype mlir
au BufRead,BufNewFile *.policy setfiletype policy
" Assembly of other machines ends in .s too: the first line tells.
au BufRead *.s if getline(1) =~# '^; ATTACC assembly' | set filetype=attacc | endif
