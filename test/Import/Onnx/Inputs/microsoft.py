# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Operators of ONNX Runtime's domain against NumPy, from its docs/ContribOperators.md.

usage: microsoft.py FOLDER [REGEX]
"""

import math

import numpy

from oneop import main

SOURCE = numpy.random.default_rng(11)
B, S, H, D = 2, 5, 4, 8
ERF = numpy.vectorize(math.erf)


def floats(*shape):
    return SOURCE.standard_normal(shape).astype(numpy.float32)


def softmax(x):
    m = x.max(-1, keepdims=True)
    e = numpy.exp(x - numpy.where(numpy.isfinite(m), m, 0))
    total = e.sum(-1, keepdims=True)
    return e / numpy.where(total == 0, 1, total)


def heads(x, count=H):
    return x.reshape(x.shape[0], x.shape[1], count, -1).transpose(0, 2, 1, 3)


def attend(q, k, v, mask=0.0, scale=None, cap=None, sink=None):
    """q [B, H, N, D], k and v [B, G, S, D], sink [H]: [B, N, H * D]."""
    k, v = (x.repeat(q.shape[1] // x.shape[1], 1) for x in (k, v))
    scores = q @ k.transpose(0, 1, 3, 2) * (scale or 1 / math.sqrt(q.shape[-1]))
    scores = (cap * numpy.tanh(scores / cap) if cap else scores) + mask
    if sink is None:
        weights = softmax(scores)
    else:
        # One more column of scores, whose weights have no value.
        column = numpy.broadcast_to(numpy.float32(sink)[:, None, None], scores.shape[:3] + (1,))
        weights = softmax(numpy.concatenate([scores, column], -1))[..., :-1]
    out = (weights @ v).transpose(0, 2, 1, 3)
    return out.reshape(*out.shape[:2], -1)


def norm(x, scale, bias=0.0, eps=1e-5, centre=True):
    if centre:
        x = x - x.mean(-1, keepdims=True)
    return x / numpy.sqrt((x * x).mean(-1, keepdims=True) + eps) * scale + bias


def causal(n, total):
    return numpy.where(numpy.arange(total) <= numpy.arange(n)[:, None] + total - n, 0, -numpy.inf)


def case_attention():
    x, w, b = floats(B, S, 16), floats(16, 3 * H * D), floats(3 * H * D)
    lengths = numpy.int32([5, 3])
    q, k, v = (heads(t) for t in numpy.split(x @ w + b, 3, -1))
    mask = numpy.where(numpy.arange(S) < lengths[:, None, None, None], 0, -numpy.inf)
    return "Attention", [x, w, b, lengths], dict(num_heads=H), [attend(q, k, v, mask)]


def case_attention_ends_and_starts():
    x, w, b, past = floats(B, S, 16), floats(16, 3 * H * D), floats(3 * H * D), floats(2, B, H, 3, D)
    ends, starts = numpy.int32([8, 6]), numpy.int32([0, 2])
    q, k, v = (heads(t) for t in numpy.split(x @ w + b, 3, -1))
    k, v = numpy.concatenate([past[0], k], 2), numpy.concatenate([past[1], v], 2)
    place = numpy.arange(S + 3)
    seen = (place < ends[:, None]) & (place >= starts[:, None])
    mask = numpy.where(seen, 0, -numpy.inf)[:, None, None, :]
    return ("Attention", [x, w, b, numpy.concatenate([ends, starts]), past], dict(num_heads=H),
            [attend(q, k, v, mask), numpy.stack([k, v])])


def case_attention_past():
    x, w, b, past = floats(B, S, 16), floats(16, 3 * H * D), floats(3 * H * D), floats(2, B, H, 3, D)
    q, k, v = (heads(t) for t in numpy.split(x @ w + b, 3, -1))
    k, v = numpy.concatenate([past[0], k], 2), numpy.concatenate([past[1], v], 2)
    return ("Attention", [x, w, b, None, past], dict(num_heads=H, unidirectional=1),
            [attend(q, k, v, causal(S, S + 3)), numpy.stack([k, v])])


def case_attention_raw_mask():
    x, w, b = floats(B, S, 16), floats(16, 3 * H * D), floats(3 * H * D)
    raw = (SOURCE.random((B, S)) < 0.7).astype(numpy.int32)
    raw[:, 0] = 1
    bias = floats(1, H, S, S)
    q, k, v = (heads(t) for t in numpy.split(x @ w + b, 3, -1))
    mask = numpy.where(raw[:, None, None, :] != 0, 0, -numpy.inf) + bias
    return "Attention", [x, w, b, raw, None, bias], dict(num_heads=H), [attend(q, k, v, mask)]


def case_qattention():
    x = SOURCE.integers(0, 256, (B, S, 16), numpy.uint8)
    w = SOURCE.integers(-128, 128, (16, 3 * H * D), numpy.int8)
    b, xs, ws = floats(3 * H * D), numpy.float32(0.01), numpy.float32(0.02)
    xz, wz = numpy.uint8(120), numpy.int8(3)
    real = (x.astype(int) - 120) @ (w.astype(int) - 3) * 0.01 * 0.02 + b
    q, k, v = (heads(t) for t in numpy.split(real, 3, -1))
    return "QAttention", [x, w, b, xs, ws, None, xz, wz], dict(num_heads=H), [attend(q, k, v)]


def case_multihead():
    q, k, v, bias = floats(B, S, H * D), floats(B, 7, H * D), floats(B, 7, H * D), floats(3 * H * D)
    pad = numpy.int32([[1] * 7, [1] * 4 + [0] * 3])
    parts = [heads(t + p) for t, p in zip((q, k, v), numpy.split(bias, 3))]
    mask = numpy.where(pad[:, None, None, :] != 0, 0, -numpy.inf)
    return "MultiHeadAttention", [q, k, v, bias, pad], dict(num_heads=H), [attend(*parts, mask)]


def case_multihead_past():
    q, k, v = floats(B, S, H * D), floats(B, S, H * D), floats(B, S, H * D)
    pk, pv, bias = floats(B, H, 3, D), floats(B, H, 3, D), floats(B, H, S, S + 3)
    k4, v4 = numpy.concatenate([pk, heads(k)], 2), numpy.concatenate([pv, heads(v)], 2)
    return ("MultiHeadAttention", [q, k, v, None, None, bias, pk, pv], dict(num_heads=H),
            [attend(heads(q), k4, v4, bias), k4, v4])


def case_multihead_packed():
    x = floats(B, S, H, 3, D)
    q, k, v = (x[:, :, :, i].transpose(0, 2, 1, 3) for i in range(3))
    return "MultiHeadAttention", [x], dict(num_heads=H, scale=0.5), [attend(q, k, v, 0, 0.5)]


def case_multihead_packed_bias():
    x, bias = floats(B, S, H, 3, D), floats(3 * H * D)
    q, k, v = ((x[:, :, :, i] + bias.reshape(3, H, D)[i]).transpose(0, 2, 1, 3) for i in range(3))
    return "MultiHeadAttention", [x, None, None, bias], dict(num_heads=H), [attend(q, k, v)]


def case_multihead_packed_keys_bias():
    q, kv, bias = floats(B, S, H * D), floats(B, 7, H, 2, D), floats(3 * H * D)
    k, v = ((kv[:, :, :, i] + bias.reshape(3, H, D)[i + 1]).transpose(0, 2, 1, 3) for i in range(2))
    return "MultiHeadAttention", [q, kv, None, bias], dict(num_heads=H), [attend(heads(q + bias[:H * D]), k, v)]


def turn(x, cos, sin, places):  # [B, H, N, D], halves
    c, s = cos[places][:, None], sin[places][:, None]
    a, b = numpy.split(x, 2, -1)
    return numpy.concatenate([a * c - b * s, a * s + b * c], -1)


def tables():
    angles = numpy.outer(numpy.arange(16), 100.0 ** (-numpy.arange(D // 2) / (D // 2)))
    return numpy.cos(angles).astype(numpy.float32), numpy.sin(angles).astype(numpy.float32)


def case_group_query():
    g, n, past = 2, 1, 6
    q, k, v = floats(B, n, H * D), floats(B, n, g * D), floats(B, n, g * D)
    pk, pv = floats(B, g, past, D), floats(B, g, past, D)
    cos, sin = tables()
    lens = numpy.int32([6, 4])  # keys after this call, less one
    places = (lens + 1 - n)[:, None] + numpy.arange(n)
    q4, k4, v4 = turn(heads(q), cos, sin, places), turn(heads(k, g), cos, sin, places), heads(v, g)
    nk, nv = numpy.zeros((B, g, past + 1, D), numpy.float32), numpy.zeros((B, g, past + 1, D), numpy.float32)
    for b in range(B):
        start = lens[b] + 1 - n
        for new, old, fresh in ((nk, pk, k4), (nv, pv, v4)):
            new[b, :, :start] = old[b, :, :start]
            new[b, :, start:start + n] = fresh[b]
    mask = numpy.where(numpy.arange(past + 1) <= lens[:, None, None, None], 0, -numpy.inf)
    return ("GroupQueryAttention", [q, k, v, pk, pv, lens, numpy.int32(past + 1), cos, sin],
            dict(num_heads=H, kv_num_heads=g, do_rotary=1), [attend(q4, nk, nv, mask), nk, nv])


def case_group_query_prompt():
    g = 2
    packed = floats(B, S, (H + 2 * g) * D)
    q, k, v = packed[..., :H * D], packed[..., H * D:(H + g) * D], packed[..., (H + g) * D:]
    lens = numpy.int32([S - 1, S - 1])
    local = numpy.where(numpy.arange(S) > numpy.arange(S)[:, None] - 2, 0, -numpy.inf)
    return ("GroupQueryAttention", [packed, None, None, None, None, lens, numpy.int32(S)],
            dict(num_heads=H, kv_num_heads=g, local_window_size=2),
            [attend(heads(q), heads(k, g), heads(v, g), causal(S, S) + local), heads(k, g), heads(v, g)])


def sunk_prompt(sink=None, window=0, bias=None, cap=None):
    g = 2
    q, k, v = floats(B, S, H * D), floats(B, S, g * D), floats(B, S, g * D)
    mask = causal(S, S)
    if window:
        mask = mask + numpy.where(numpy.arange(S) > numpy.arange(S)[:, None] - window, 0, -numpy.inf)
    if bias is not None:
        mask = mask + bias
    attributes = dict(num_heads=H, kv_num_heads=g)
    for name, number in (("smooth_softmax", sink is None), ("local_window_size", window), ("softcap", cap)):
        if number:
            attributes[name] = int(number) if name != "softcap" else number
    lens, total = numpy.int32([S - 1] * B), numpy.int32(S)
    inputs = [q, k, v, None, None, lens, total, None, None, None, bias, sink]
    while inputs[-1] is None:
        inputs.pop()
    result = attend(heads(q), heads(k, g), heads(v, g), mask, None, cap, numpy.zeros(H) if sink is None else sink)
    return "GroupQueryAttention", inputs, attributes, [result, heads(k, g), heads(v, g)]


def scores(kind, window=0, cap=None, past=4):
    """What goes into the softmax (1), 0 where a query sees no key, or what comes out of it (2)."""
    g = 2
    q, k, v = floats(B, S, H * D), floats(B, S, g * D), floats(B, S, g * D)
    pk, pv = floats(B, g, past, D), floats(B, g, past, D)
    nk, nv = numpy.concatenate([pk, heads(k, g)], 2), numpy.concatenate([pv, heads(v, g)], 2)
    total, places = past + S, past + numpy.arange(S)[:, None]
    sees = numpy.arange(total) <= places
    if window:
        sees &= numpy.arange(total) > places - window
    product = heads(q).astype(float) @ numpy.repeat(nk, H // g, 1).transpose(0, 1, 3, 2) / numpy.sqrt(D)
    if cap:
        product = cap * numpy.tanh(product / cap)
    weights = numpy.where(sees, numpy.exp(product), 0)
    given = numpy.where(sees, product, 0) if kind == 1 else weights / weights.sum(-1, keepdims=True)
    attributes = dict(num_heads=H, kv_num_heads=g, qk_output=kind, **({"local_window_size": window} if window else {}),
                      **({"softcap": cap} if cap else {}))
    result = attend(heads(q), nk, nv, numpy.where(sees, 0, -numpy.inf), None, cap)
    return ("GroupQueryAttention", [q, k, v, pk, pv, numpy.int32([total - 1] * B), numpy.int32(total)], attributes,
            [result, nk, nv, given.astype(numpy.float32)])


def case_group_query_scores():
    return scores(1)


def case_group_query_scores_window():
    return scores(1, window=2, cap=1.5)


def case_group_query_weights():
    return scores(2)


def case_group_query_weights_window():
    return scores(2, window=3, past=0)


def case_group_query_smooth():
    return sunk_prompt()


def case_group_query_sink():
    return sunk_prompt(floats(H) * 3)


def case_group_query_sink_window():
    return sunk_prompt(floats(H) * 3, window=2, cap=4.0)


def case_group_query_sink_bias():
    return sunk_prompt(floats(H), window=3, bias=floats(1, H, S, S))


def case_group_query_sink_decode():
    g, past = 2, 6
    q, k, v, sink = floats(B, 1, H * D), floats(B, 1, g * D), floats(B, 1, g * D), numpy.float32([60, -60, 0, 2])
    pk, pv = floats(B, g, past, D), floats(B, g, past, D)
    cos, sin = tables()
    places = numpy.int64([[3], [9]])
    q4, k4 = turn(heads(q), cos, sin, places), turn(heads(k, g), cos, sin, places)
    nk, nv = numpy.concatenate([pk, k4], 2), numpy.concatenate([pv, heads(v, g)], 2)
    lens, total = numpy.int32([past] * B), numpy.int32(past + 1)
    return ("GroupQueryAttention", [q, k, v, pk, pv, lens, total, cos, sin, places, None, sink],
            dict(num_heads=H, kv_num_heads=g, do_rotary=1), [attend(q4, nk, nv, sink=sink), nk, nv])


def quantised(rows, scale, bits):
    """Rows of a cache as integers: times the inverse of the scale, or by a scale of 0 as they are."""
    by = numpy.float32(1) / numpy.where(scale == 0, numpy.float32(1), scale)
    most = 2**(bits - 1)
    whole = numpy.clip(numpy.rint(rows.astype(numpy.float32) * by), -most, most - 1).astype(int)
    if bits == 8:
        return whole.astype(numpy.int8)
    whole = numpy.pad(whole + 8, [(0, 0)] * 3 + [(0, whole.shape[-1] % 2)], constant_values=8)
    return (whole[..., ::2] + 16 * whole[..., 1::2]).astype(numpy.uint8)


def numbers(cache, scale, bits, width):
    if bits == 4:
        cache = numpy.stack([cache & 15, cache >> 4], -1).reshape(*cache.shape[:-1], -1)[..., :width].astype(int) - 8
    return cache.astype(numpy.float32) * scale


def quantised_cache(bits, kinds, past=6, n=1, width=D, sink=None):
    """Rows of the past stay as they are, new ones are rounded; both are attended to as what they say."""
    g = 2
    q, k, v = floats(B, n, H * width), floats(B, n, g * width), floats(B, n, g * width)
    scales = []
    for kind in kinds:
        scale = numpy.float32([2.5 / 2**(bits - 1)])
        if kind == "PER_CHANNEL":
            scale = (scale * SOURCE.uniform(0.5, 1.5, (1, g, 1, width))).astype(numpy.float32)
            scale[0, 1, 0, 2] = 0
        scales.append(scale)
    old = [quantised(floats(B, g, past, width), scale, bits) for scale in scales] if past else [None, None]
    lens = numpy.int32([past + n - 1, past + n - 3] if past else [n - 1, n - 1])
    cos, sin = tables() if width % 2 == 0 else (None, None)
    places = (lens + 1 - n)[:, None] + numpy.arange(n)
    q4, k4, v4 = heads(q), heads(k, g), heads(v, g)
    if cos is not None:
        q4, k4 = turn(q4, cos, sin, places), turn(k4, cos, sin, places)
    caches, plain = [], []
    for fresh, before, scale in ((k4, old[0], scales[0]), (v4, old[1], scales[1])):
        rows = quantised(fresh, scale, bits)
        cache = numpy.zeros((B, g, past + n, rows.shape[-1]), rows.dtype)
        for b in range(B):
            start = lens[b] + 1 - n
            if past:
                cache[b, :, :start] = before[b, :, :start]
            cache[b, :, start:start + n] = rows[b]
        caches.append(cache)
        plain.append(numbers(cache, scale, bits, width))
    ends = places[:, :, None]
    mask = numpy.where(numpy.arange(past + n) <= ends, 0, -numpy.inf)[:, None]
    inputs = [q, k, v, *old, lens, numpy.int32(past + n), cos, sin, None, None, sink, *scales]
    attributes = dict(num_heads=H, kv_num_heads=g, do_rotary=int(cos is not None), k_quant_type=kinds[0], v_quant_type=kinds[1],
                      kv_cache_bit_width=bits)
    return "GroupQueryAttention", inputs, attributes, [attend(q4, *plain, mask, sink=sink), *caches]


def case_group_query_int8():
    return quantised_cache(8, ["PER_TENSOR"] * 2)


def case_group_query_int8_channels():
    return quantised_cache(8, ["PER_CHANNEL"] * 2, n=3)


def case_group_query_int8_prompt():
    return quantised_cache(8, ["PER_CHANNEL", "PER_TENSOR"], past=0, n=S)


def case_group_query_int8_sink():
    return quantised_cache(8, ["PER_TENSOR"] * 2, sink=floats(H))


def case_group_query_int4():
    return quantised_cache(4, ["PER_TENSOR", "PER_CHANNEL"])


def case_group_query_int4_odd():
    return quantised_cache(4, ["PER_CHANNEL"] * 2, n=2, width=7)


def case_group_query_norm():
    g = 2
    q, k, v, qw, kw = floats(B, S, H * D), floats(B, S, g * D), floats(B, S, g * D), floats(D), floats(D)
    cos, sin = tables()
    places = numpy.broadcast_to(numpy.arange(S), (B, S))
    q4 = turn(norm(heads(q), qw, 0, 1e-3, False), cos, sin, places)
    k4 = turn(norm(heads(k, g), kw, 0, 1e-3, False), cos, sin, places)
    return ("GroupQueryAttention",
            [q, k, v, None, None, numpy.int32([S - 1] * B), numpy.int32(S), cos, sin] + [None] * 5 + [qw, kw],
            dict(num_heads=H, kv_num_heads=g, do_rotary=1, qk_norm_epsilon=1e-3, smooth_softmax=-1),
            [attend(q4, k4, heads(v, g), causal(S, S)), k4, heads(v, g)])


def case_group_query_both_ways():
    g, past = 2, 3
    q, k, v = floats(B, S, H * D), floats(B, S, g * D), floats(B, S, g * D)
    pk, pv = floats(B, g, past, D), floats(B, g, past, D)
    nk, nv = numpy.concatenate([pk, heads(k, g)], 2), numpy.concatenate([pv, heads(v, g)], 2)
    return ("GroupQueryAttention", [q, k, v, pk, pv, numpy.int32([past + S - 1] * B), numpy.int32(past + S)],
            dict(num_heads=H, kv_num_heads=g, causal=0), [attend(heads(q), nk, nv), nk, nv])


def case_rotary():
    cos, sin = tables()
    x, places = floats(B, S, H * D), SOURCE.integers(0, 16, (B, S))
    out = turn(heads(x), cos, sin, places).transpose(0, 2, 1, 3).reshape(B, S, -1)
    return "RotaryEmbedding", [x, places, cos, sin], dict(), [out]


def case_rotary_offset():
    cos, sin = tables()
    x = floats(B, H, S, D)
    places = numpy.broadcast_to(numpy.arange(S) + 3, (B, S))
    return "RotaryEmbedding", [x, numpy.int64([3]), cos, sin], dict(), [turn(x, cos, sin, places)]


def case_embed():
    ids, types = SOURCE.integers(0, 20, (B, S)).astype(numpy.int32), SOURCE.integers(0, 2, (B, S)).astype(numpy.int32)
    words, places, segments = floats(20, 16), floats(9, 16), floats(2, 16)
    gamma, beta, mask = floats(16), floats(16), numpy.int32([[1] * S, [1, 1, 0, 0, 0]])
    total = words[ids] + places[:S] + segments[types]
    return ("EmbedLayerNormalization", [ids, types, words, places, segments, gamma, beta, mask], dict(epsilon=1e-6),
            [norm(total, gamma, beta, 1e-6), numpy.int32([S, 2])])


def case_skip():
    x, skip, gamma, beta, bias = floats(B, S, 16), floats(B, S, 16), floats(16), floats(16), floats(16)
    total = x + skip + bias
    return ("SkipLayerNormalization", [x, skip, gamma, beta, bias], dict(epsilon=1e-6),
            [norm(total, gamma, beta, 1e-6), None, None, total])


def case_skip_simplified():
    x, skip, gamma = floats(B, S, 16), floats(B, S, 16), floats(16)
    return ("SkipSimplifiedLayerNormalization", [x, skip, gamma], dict(epsilon=1e-6),
            [norm(x + skip, gamma, 0, 1e-6, False), None, None, x + skip])


def case_skip_statistics():
    x, skip, gamma, beta = floats(B, S, 16), floats(B, S, 16), floats(16), floats(16)
    total = x + skip
    mean, var = total.mean(-1, keepdims=True), total.var(-1, keepdims=True)
    return ("SkipLayerNormalization", [x, skip, gamma, beta], dict(epsilon=1e-3),
            [norm(total, gamma, beta, 1e-3), mean, 1 / numpy.sqrt(var + 1e-3), total])


def case_skip_simplified_statistics():
    x, skip, gamma = floats(B, S, 16), floats(B, S, 16), floats(16)
    square = ((x + skip)**2).mean(-1, keepdims=True)
    return ("SkipSimplifiedLayerNormalization", [x, skip, gamma], {},
            [norm(x + skip, gamma, 0, 1e-5, False), None, 1 / numpy.sqrt(square + 1e-5), None])


def case_fast_gelu():
    x, b = floats(B, 16), floats(16)
    y = x + b
    return "FastGelu", [x, b], {}, [0.5 * y * (1 + numpy.tanh(math.sqrt(2 / math.pi) * (y + 0.044715 * y**3)))]


def case_bias_gelu():
    x, b = floats(B, 16), floats(16)
    y = x + b
    return "BiasGelu", [x, b], {}, [0.5 * y * (1 + ERF(y / math.sqrt(2)))]


def case_quick_gelu():
    x = floats(B, 16)
    return "QuickGelu", [x], {}, [x / (1 + numpy.exp(-1.702 * x))]


def case_fused_matmul():
    a, w = floats(2, 6, 5), floats(2, 7, 6)
    return "FusedMatMul", [a, w], dict(transA=1, transB=1, alpha=0.5), [0.5 * a.swapaxes(1, 2) @ w.swapaxes(1, 2)]


def nbits(zeros, k=40, n=6, block=16, order=False):
    blocks = -(-k // block)
    full = SOURCE.integers(0, 16, (n, blocks * block)).astype(numpy.uint8)
    packed = (full[:, 0::2] | full[:, 1::2] << 4).reshape(n, blocks, block // 2)
    scales = floats(n * blocks)
    points = numpy.full((n, blocks), 8)
    inputs = [floats(3, k), packed, scales]
    if zeros == "packed":
        points = SOURCE.integers(0, 16, (n, blocks + blocks % 2)).astype(numpy.uint8)
        inputs.append((points[:, 0::2] | points[:, 1::2] << 4).reshape(-1))
    elif zeros == "float":
        points = floats(n, blocks)
        inputs.append(points.reshape(-1))
    groups = numpy.arange(blocks).repeat(block)
    if order:
        groups = SOURCE.permutation(groups).astype(numpy.int32)
        inputs += [None] * (4 - len(inputs)) + [groups]
    weight = (full - points[:, groups].astype(float)) * scales.reshape(n, blocks)[:, groups]
    return ("MatMulNBits", inputs, dict(K=k, N=n, bits=4, block_size=block), [inputs[0] @ weight[:, :k].T])


def case_nbits():
    return nbits(None)


def case_nbits_zeros():
    return nbits("packed")


def case_nbits_float_zeros():
    return nbits("float")


def case_nbits_order():
    return nbits("packed", order=True)


def case_nbits_order_plain():
    return nbits(None, order=True)


if __name__ == "__main__":
    main({n[5:]: f for n, f in list(globals().items()) if n.startswith("case_")}, "com.microsoft")
