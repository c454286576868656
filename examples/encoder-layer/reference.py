# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

"""The encoder layer in NumPy: in float64 as the reference, in float32 as the peer that is timed.

Post-LN BERT: self-attention, dense, residual, LayerNorm; then the feed-forward network with exact
GELU, residual, LayerNorm.
"""

import math

import numpy as np

PREFIX = "bert.encoder.layer.0."
LAYER_NORM_EPS = 1e-12

# The six linear layers: name, then (output, input) sizes in terms of the configuration.
LINEARS = {
    "attention.self.query": ("hidden", "hidden"),
    "attention.self.key": ("hidden", "hidden"),
    "attention.self.value": ("hidden", "hidden"),
    "attention.output.dense": ("hidden", "hidden"),
    "intermediate.dense": ("ffn", "hidden"),
    "output.dense": ("hidden", "ffn"),
}
LAYER_NORMS = ("attention.output.LayerNorm", "output.LayerNorm")


def erf(x):
    """erf to the last bits for float64; within 2e-7 for float32, where it is timed.

    The float32 form is Abramowitz and Stegun 7.1.26.
    """
    if x.dtype == np.float64:
        return np.fromiter(map(math.erf, x.ravel()), np.float64, x.size).reshape(x.shape)
    a = np.abs(x)
    t = np.float32(1) / (np.float32(1) + np.float32(0.3275911) * a)
    poly = np.float32(1.061405429) * t
    for c in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        poly += np.float32(c)
        poly *= t
    a *= a
    poly *= np.exp(-a)
    return np.copysign(np.float32(1) - poly, x)


def gelu(x):
    half = x.dtype.type(0.5)
    return x * (half * (x.dtype.type(1) + erf(x * x.dtype.type(math.sqrt(0.5)))))


def softmax(x):
    x = x - np.max(x, axis=-1, keepdims=True)
    np.exp(x, out=x)
    x /= np.sum(x, axis=-1, keepdims=True)
    return x


def layer_norm(x, gamma, beta):
    x = x - np.mean(x, axis=-1, keepdims=True)
    variance = np.mean(x * x, axis=-1, keepdims=True)
    x /= np.sqrt(variance + x.dtype.type(LAYER_NORM_EPS))
    return x * gamma + beta


def encoder(x, params, heads):
    """Runs the layer on x [batch, seq, hidden] in the dtype of `x` and of `params`.

    `params` maps the Hugging Face names without PREFIX to arrays; weights are [out, in].
    """
    batch, seq, hidden = x.shape
    width = hidden // heads

    def linear(value, name):
        return value @ params[name + ".weight"].T + params[name + ".bias"]

    def split(value):
        return value.reshape(batch, seq, heads, width).transpose(0, 2, 1, 3)

    def norm(value, name):
        return layer_norm(value, params[name + ".weight"], params[name + ".bias"])

    rows = x.reshape(batch * seq, hidden)
    query = split(linear(rows, "attention.self.query"))
    key = split(linear(rows, "attention.self.key"))
    value = split(linear(rows, "attention.self.value"))
    logits = query @ key.transpose(0, 1, 3, 2)
    logits *= x.dtype.type(1 / math.sqrt(width))
    context = (softmax(logits) @ value).transpose(0, 2, 1, 3).reshape(batch * seq, hidden)
    attended = norm(linear(context, "attention.output.dense") + rows, LAYER_NORMS[0])
    inner = gelu(linear(attended, "intermediate.dense"))
    result = norm(linear(inner, "output.dense") + attended, LAYER_NORMS[1])
    return result.reshape(x.shape)


def parameter_names():
    for name in (*LINEARS, *LAYER_NORMS):
        yield name + ".weight"
        yield name + ".bias"
