;;; words.el --- each coloured word of a file with its face -*- lexical-binding: t -*-

;; Part of nm, under the Apache License v2.0 with LLVM Exceptions.
;; SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

(require 'nm-modes)
(dolist (file command-line-args-left)
  (find-file file)
  (princ (format "mode %s\n" major-mode))
  (font-lock-ensure)
  (goto-char (point-min))
  (while (re-search-forward "[A-Za-z_0-9.%@#!]+" nil t)
    (princ (format "%d %s %s\n" (line-number-at-pos) (match-string 0)
                   (or (get-text-property (match-beginning 0) 'face) '-)))))
(setq command-line-args-left nil)
