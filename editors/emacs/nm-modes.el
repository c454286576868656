;;; nm-modes.el --- modes for the languages of nm -*- lexical-binding: t -*-

;; Part of nm, under the Apache License v2.0 with LLVM Exceptions.
;; SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
;; Made by scripts/lib/editor_syntax.py; scripts/docs writes it again.

;;; Commentary:

;; `nm-mlir-mode' for MLIR with nm's dialects (and `eglot' with nm-lsp-server), `nm-policy-mode' for policies of
;; packet schedulers, `nm-attacc-mode' for assembly of accelerators.  (require 'nm-modes) is all that is needed.

;;; Code:

(defconst nm-mlir-operations
  '("attacc.barrier" "attacc.buffer" "attacc.elementwise" "attacc.exp_sum" "attacc.fill"
    "attacc.gemm" "attacc.layernorm" "attacc.load" "attacc.loop" "attacc.mask" "attacc.nm_gemm"
    "attacc.online_rescale" "attacc.program" "attacc.row_max" "attacc.scale" "attacc.semaphore"
    "attacc.softmax" "attacc.store" "attacc.sync" "attacc.tensor" "attacc.tile" "attacc.unary"
    "flat.attention" "flat.yield" "kernel.tile_product" "layer.embedding" "layer.gelu"
    "layer.gelu_tanh" "layer.norm" "layer.rms_norm" "layer.rotary" "layer.swish" "nm.assemble"
    "nm.compress" "nm.decompress" "nm.disassemble" "nm.matmul" "nm.measure_begin" "nm.measure_end"
    "nm.measure_memory" "nm.packed_matmul" "nm.packed_param" "nm.param" "nm.prune" "nm.require"
    "nm.yield" "pifo.admit" "pifo.backlog" "pifo.child" "pifo.deliver" "pifo.dequeue"
    "pifo.eligible" "pifo.evict" "pifo.field" "pifo.inside" "pifo.load" "pifo.lookup" "pifo.mesh"
    "pifo.mesh.block" "pifo.mesh.classifier" "pifo.mesh.field" "pifo.mesh.leaf"
    "pifo.mesh.leaf_number" "pifo.mesh.load" "pifo.mesh.lookup" "pifo.mesh.next" "pifo.mesh.now"
    "pifo.mesh.pifo" "pifo.mesh.pifo_number" "pifo.mesh.program" "pifo.mesh.rank" "pifo.mesh.read"
    "pifo.mesh.root" "pifo.mesh.route" "pifo.mesh.state" "pifo.mesh.store" "pifo.mesh.write"
    "pifo.mesh.yield" "pifo.node" "pifo.now" "pifo.offer" "pifo.predicate" "pifo.rank"
    "pifo.read_field" "pifo.room" "pifo.scheduler" "pifo.scheduling" "pifo.select" "pifo.shaping"
    "pifo.state" "pifo.store" "pifo.table" "pifo.waiting" "pifo.wake" "pifo.write_field"
    "pifo.yield" "step.adam_update" "step.change_product" "step.change_sum" "step.count_nonfinite"
    "step.descend" "step.effective" "step.frozen_update" "step.mask" "step.moment" "step.scale"
    "step.second_moment" "step.soft_threshold" "step.straight_through" "step.transposable_mask"
    "step.weight_decay")
  "Operations of nm's dialects.")

(defconst nm-mlir-words
  '("affine_map" "affine_set" "array" "ceildiv" "dense" "dense_resource" "dialect_resources" "else"
    "external_resources" "false" "floordiv" "for" "if" "in" "ins" "into" "loc" "mod" "outs"
    "parallel" "private" "public" "step" "then" "to" "true" "unit" "while")
  "Words of MLIR.")

(defconst nm-mlir-types
  '("bf16" "complex" "f16" "f32" "f64" "f80" "f128" "index" "memref" "none" "tensor" "tf32" "tuple"
    "vector")
  "Types of MLIR.")

(defconst nm-policy-orders
  '("codel" "drr" "edf" "fifo" "htb" "pie" "priority" "red" "rr" "strict" "wf2q" "wfq")
  "What orders packets, and manages queues.")

(defconst nm-policy-words
  '("and" "before" "below" "bits" "burst" "by" "bytes" "capacity" "ceil" "ecn" "field" "full"
    "gentle" "idle" "in" "interval" "limit" "max" "min" "mtu" "not" "or" "out" "over" "pace"
    "packet" "packets" "per" "prio" "probability" "push" "quantum" "rate" "refuse" "scheduler"
    "seed" "shape" "share" "target" "update" "weight" "weights" "when")
  "Other words of policies.")

(defconst nm-policy-units
  '("ms" "ns" "s" "us" "k" "M" "G" "T")
  "Units behind numbers.")

(defconst nm-attacc-sections
  '("buffer" "code" "program" "semaphore" "target" "tensor")
  "Words of assembly: sections.")

(defconst nm-attacc-opcodes
  '("barrier" "elementwise" "end_loop" "exp_sum" "fill" "gemm" "layernorm" "load" "loop" "mask"
    "nm_gemm" "online_rescale" "row_max" "scale" "softmax" "store" "sync" "unary")
  "Words of assembly: opcodes.")

(defconst nm-attacc-types
  '("bf16" "f16" "f32" "i8")
  "Words of assembly: types.")

(defconst nm-attacc-fields
  '("accumulate" "at" "binary" "causal" "channel" "channels" "column" "data" "dims" "engine" "group"
    "host_shape" "host_type" "key" "keys" "part" "pattern" "reciprocal" "row" "scope" "scratchpad"
    "segments" "shape" "signal" "slot" "slots" "stationary" "strides" "transpose_lhs"
    "transpose_rhs" "trips" "value" "wait" "window")
  "Words of assembly: fields.")

(defconst nm-attacc-values
  '("add" "array" "constant" "copy" "cos" "div" "erf" "exp" "gelu" "gelu_tanh" "in" "indices"
    "input" "log" "max" "mul" "out" "output" "param" "relu" "rsqrt" "scratch" "silu" "sin" "special"
    "sqrt" "sub" "tanh" "transposed" "transposed_indices" "transposed_values" "values" "weight"
    "whole")
  "Words of assembly: values.")

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
