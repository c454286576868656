;;; nm-words.el --- words of the languages of nm -*- lexical-binding: t -*-

;; Part of nm, under the Apache License v2.0 with LLVM Exceptions.
;; SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
;; Made by scripts/lib/editor_syntax.py; scripts/docs writes it again.

;;; Commentary:

;; What nm-modes.el colours.

;;; Code:

(defconst nm-mlir-operations
  '("attacc.barrier" "attacc.buffer" "attacc.elementwise" "attacc.exp_sum" "attacc.fill"
    "attacc.gemm" "attacc.layernorm" "attacc.load" "attacc.loop" "attacc.mask" "attacc.nm_gemm"
    "attacc.online_rescale" "attacc.program" "attacc.row_max" "attacc.scale" "attacc.semaphore"
    "attacc.softmax" "attacc.store" "attacc.sync" "attacc.tensor" "attacc.tile" "attacc.unary"
    "flat.attention" "flat.dequantize_rows" "flat.quantize_rows" "flat.yield" "kernel.lane_product"
    "kernel.pack" "kernel.tile_product" "layer.embedding" "layer.gelu" "layer.gelu_tanh"
    "layer.norm" "layer.rms_norm" "layer.rotary" "layer.swish" "nm.assemble" "nm.compress"
    "nm.decompress" "nm.disassemble" "nm.matmul" "nm.measure_begin" "nm.measure_end"
    "nm.measure_memory" "nm.packed_matmul" "nm.packed_param" "nm.param" "nm.prune" "nm.require"
    "nm.yield" "pifo.admit" "pifo.backlog" "pifo.child" "pifo.deliver" "pifo.dequeue"
    "pifo.eligible" "pifo.evict" "pifo.field" "pifo.in_order" "pifo.inside" "pifo.load"
    "pifo.lookup" "pifo.mesh" "pifo.mesh.block" "pifo.mesh.classifier" "pifo.mesh.field"
    "pifo.mesh.leaf" "pifo.mesh.leaf_number" "pifo.mesh.load" "pifo.mesh.lookup" "pifo.mesh.next"
    "pifo.mesh.now" "pifo.mesh.pifo" "pifo.mesh.pifo_number" "pifo.mesh.program" "pifo.mesh.rank"
    "pifo.mesh.read" "pifo.mesh.root" "pifo.mesh.route" "pifo.mesh.state" "pifo.mesh.store"
    "pifo.mesh.write" "pifo.mesh.yield" "pifo.node" "pifo.now" "pifo.offer" "pifo.predicate"
    "pifo.rank" "pifo.read_field" "pifo.room" "pifo.scheduler" "pifo.scheduling" "pifo.select"
    "pifo.shaping" "pifo.state" "pifo.store" "pifo.table" "pifo.waiting" "pifo.wake"
    "pifo.write_field" "pifo.yield" "step.adam_update" "step.change_product" "step.change_sum"
    "step.count_nonfinite" "step.descend" "step.effective" "step.frozen_update" "step.mask"
    "step.moment" "step.scale" "step.second_moment" "step.soft_threshold" "step.straight_through"
    "step.transposable_mask" "step.weight_decay" "tile.at" "tile.attention" "tile.column"
    "tile.elementwise" "tile.exp_sum" "tile.fill" "tile.for" "tile.gemm" "tile.kernel"
    "tile.layernorm" "tile.load" "tile.load_heads" "tile.mask" "tile.nm_gemm" "tile.online_rescale"
    "tile.part" "tile.phase" "tile.place" "tile.product" "tile.put" "tile.row_max" "tile.rows"
    "tile.scale" "tile.slice" "tile.softmax" "tile.store" "tile.store_heads" "tile.sync"
    "tile.unary" "tile.vector" "tile.when" "tile.yield")
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
  '("above" "and" "before" "below" "bits" "burst" "by" "bytes" "capacity" "ceil" "ecn" "field" "for"
    "full" "gentle" "hfsc" "idle" "in" "interval" "limit" "mark" "max" "min" "mtu" "not" "or"
    "order" "out" "over" "pace" "packet" "packets" "per" "prio" "probability" "push" "quantum"
    "rate" "real" "refuse" "scheduler" "seed" "shape" "share" "target" "then" "update" "upper"
    "weight" "weights" "when")
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

(provide 'nm-words)
;;; nm-words.el ends here
