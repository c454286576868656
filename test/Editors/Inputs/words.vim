" Part of nm, under the Apache License v2.0 with LLVM Exceptions.
" SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
" usage: vim ... -c "let g:report = 'FILE'" -S words.vim: each coloured word of the buffer with its group.
let s:lines = ['filetype ' . &filetype, 'comment ' . &commentstring]
for s:number in range(1, line('$'))
  let s:column = 0
  while 1
    let [s:word, s:begin, s:end] = matchstrpos(getline(s:number), '[A-Za-z_0-9.%@#!]\+', s:column)
    if s:begin < 0
      break
    endif
    let s:group = synIDattr(synID(s:number, s:begin + 1, 1), 'name')
    call add(s:lines, s:number . ' ' . s:word . ' ' . (s:group == '' ? '-' : s:group))
    let s:column = s:end
  endwhile
endfor
call writefile(s:lines, g:report)
qall!
