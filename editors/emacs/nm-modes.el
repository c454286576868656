;;; nm-modes.el --- modes for the languages of nm -*- lexical-binding: t -*-

;; Part of nm, under the Apache License v2.0 with LLVM Exceptions.
;; SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

;;; Commentary:

;; `nm-mlir-mode' for MLIR with nm's dialects (and `eglot' with nm-lsp-server), `nm-policy-mode' for policies of
;; packet schedulers, `nm-attacc-mode' for assembly of accelerators.  (require 'nm-modes) is all that is needed.

;;; Code:

(require 'nm-words)

(defun nm-modes--words (words)
  "An expression for one of WORDS as a symbol."
  (concat "\\_<" (regexp-opt words t) "\\_>"))

(defvar nm-mlir-mode-syntax-table
  (let ((table (make-syntax-table)))
    (modify-syntax-entry ?/ ". 12" table)
    (modify-syntax-entry ?\n ">" table)
    (dolist (sign '(?< ?> ?# ?! ?* ?+ ?- ?=))
      (modify-syntax-entry sign "." table))
    (modify-syntax-entry ?. "_" table)
    (modify-syntax-entry ?_ "_" table)
    (modify-syntax-entry ?% "_" table)
    (modify-syntax-entry ?^ "_" table)
    (modify-syntax-entry ?@ "_" table)
    table)
  "Syntax table of `nm-mlir-mode'.")

(defvar nm-mlir-font-lock-keywords
  `(("[!#][a-z_]+\\.[A-Za-z_0-9.]+" . font-lock-type-face)
    (,(nm-modes--words nm-mlir-operations) . font-lock-function-name-face)
    ("\\_<[a-z_][a-z_0-9]*\\.[a-z_0-9.]+" . font-lock-builtin-face)
    (,(nm-modes--words nm-mlir-types) . font-lock-type-face)
    ("\\_<[su]?i[0-9]+\\_>" . font-lock-type-face)
    (,(nm-modes--words nm-mlir-words) . font-lock-keyword-face)
    ("[%^@][A-Za-z0-9_$.#-]+" . font-lock-variable-name-face))
  "What `nm-mlir-mode' colours.")

;;;###autoload
(define-derived-mode nm-mlir-mode prog-mode "MLIR"
  "Mode for MLIR with the dialects of nm."
  (setq-local comment-start "// ")
  (setq font-lock-defaults '(nm-mlir-font-lock-keywords)))

(defvar nm-policy-mode-syntax-table
  (let ((table (make-syntax-table)))
    (modify-syntax-entry ?# "<" table)
    (modify-syntax-entry ?\n ">" table)
    (modify-syntax-entry ?_ "_" table)
    table)
  "Syntax table of `nm-policy-mode'.")

(defvar nm-policy-font-lock-keywords
  `((,(nm-modes--words nm-policy-orders) . font-lock-function-name-face)
    (,(nm-modes--words nm-policy-words) . font-lock-keyword-face)
    ("\\_<\\([A-Za-z_][A-Za-z_0-9]*\\)\\s-*:" 1 font-lock-variable-name-face)
    (,(concat "\\_<[0-9]+\\(\\.[0-9]+\\)?" (regexp-opt nm-policy-units t) "?\\_>") . font-lock-constant-face))
  "What `nm-policy-mode' colours.")

;;;###autoload
(define-derived-mode nm-policy-mode prog-mode "Policy"
  "Mode for policies of packet schedulers."
  (setq-local comment-start "# ")
  (setq font-lock-defaults '(nm-policy-font-lock-keywords)))

(defvar nm-attacc-mode-syntax-table
  (let ((table (make-syntax-table)))
    (dolist (sign '(?* ?+ ?- ?=))
      (modify-syntax-entry sign "." table))
    (modify-syntax-entry ?\; "<" table)
    (modify-syntax-entry ?\n ">" table)
    (modify-syntax-entry ?_ "_" table)
    table)
  "Syntax table of `nm-attacc-mode'.")

(defvar nm-attacc-font-lock-keywords
  `((,(nm-modes--words nm-attacc-sections) . font-lock-preprocessor-face)
    (,(nm-modes--words nm-attacc-opcodes) . font-lock-function-name-face)
    (,(nm-modes--words nm-attacc-types) . font-lock-type-face)
    (,(nm-modes--words nm-attacc-fields) . font-lock-keyword-face)
    (,(nm-modes--words nm-attacc-values) . font-lock-constant-face)
    ("\\_<[tbsl][0-9]+\\_>" . font-lock-variable-name-face))
  "What `nm-attacc-mode' colours.")

;;;###autoload
(define-derived-mode nm-attacc-mode prog-mode "ATTACC"
  "Mode for assembly of ATTACC accelerators."
  (setq-local comment-start "; ")
  (setq font-lock-defaults '(nm-attacc-font-lock-keywords)))

;;;###autoload
(add-to-list 'auto-mode-alist '("\\.mlir\\'" . nm-mlir-mode))
;;;###autoload
(add-to-list 'auto-mode-alist '("\\.policy\\'" . nm-policy-mode))
;; Assembly of other machines ends in .s too: the first line tells.
;;;###autoload
(add-to-list 'magic-mode-alist '("; ATTACC assembly" . nm-attacc-mode))

(with-eval-after-load 'eglot
  (defvar eglot-server-programs)
  (add-to-list 'eglot-server-programs '(nm-mlir-mode . ("nm-lsp-server"))))

(provide 'nm-modes)
;;; nm-modes.el ends here
