# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Forms of operators that the ONNX project's cases at hand lack, against NumPy: older versions, whose
attributes became inputs, and outputs and operators without a case.

usage: operators.py FOLDER [REGEX]
"""

import numpy

from oneop import main

SOURCE = numpy.random.default_rng(3)


def floats(*shape):
    return SOURCE.standard_normal(shape).astype(numpy.float32)


def softmax(x, axis):
    e = numpy.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def case_softmax_flattens():
    x = floats(2, 3, 4)
    return "Softmax", [x], dict(axis=1), [softmax(x.reshape(2, 12), 1).reshape(x.shape)], 11


def case_log_softmax_flattens():
    x = floats(2, 3, 4)
    return "LogSoftmax", [x], dict(axis=1), [numpy.log(softmax(x.reshape(2, 12), 1)).reshape(x.shape)], 11


def case_squeeze_attribute():
    x = floats(1, 3, 1)
    return "Squeeze", [x], dict(axes=[0, -1]), [x[0, :, 0]], 11


def case_unsqueeze_attribute():
    x = floats(3, 4)
    return "Unsqueeze", [x], dict(axes=[0, 3]), [x[None, :, :, None]], 11


def case_pad_attribute():
    x = floats(2, 3)
    return "Pad", [x], dict(pads=[1, 0, 0, 2], value=2.0), [numpy.pad(x, [(1, 0), (0, 2)], constant_values=2)], 9


def case_clip_attribute():
    x = floats(3, 4)
    return "Clip", [x], dict(min=-0.5, max=0.5), [x.clip(-0.5, 0.5)], 7


def case_slice_attribute():
    x = floats(6, 5)
    return "Slice", [x], dict(starts=[1, -3], ends=[2147483647, -1], axes=[0, 1]), [x[1:, -3:-1]], 9


def case_split_attribute():
    x = floats(6, 5)
    return "Split", [x], dict(axis=0, split=[1, 5]), [x[:1], x[1:]], 11


def case_reduce_attribute():
    x = floats(3, 4, 5)
    return "ReduceSum", [x], dict(axes=[0, -1], keepdims=0), [x.sum((0, 2))], 11


def case_topk_attribute():
    x = floats(3, 7)
    order = numpy.argsort(-x, 1, kind="stable")[:, :3]
    return "TopK", [x], dict(k=3, axis=1), [numpy.take_along_axis(x, order, 1), order.astype(numpy.int64)], 9


def case_upper_bound_wins():
    x = floats(4)
    return "Clip", [x, numpy.float32(2), numpy.float32(1)], {}, [numpy.full(4, 1, numpy.float32)]


def pool_indices(x, kernel, stride, pad, column_major):
    n, c, h, w = x.shape
    out = [(size + 2 * pad - kernel) // stride + 1 for size in (h, w)]
    values, places = numpy.zeros((n, c, *out), numpy.float32), numpy.zeros((n, c, *out), numpy.int64)
    for i, j, a, b in numpy.ndindex(n, c, *out):
        best = None
        for y in range(a * stride - pad, a * stride - pad + kernel):
            for z in range(b * stride - pad, b * stride - pad + kernel):
                if 0 <= y < h and 0 <= z < w and (best is None or x[i, j, y, z] > x[i, j, best[0], best[1]]):
                    best = (y, z)
        flat = best[1] * h + best[0] if column_major else best[0] * w + best[1]
        values[i, j, a, b], places[i, j, a, b] = x[i, j, best[0], best[1]], (i * c + j) * h * w + flat
    return [values, places]


def case_maxpool_indices():
    x = floats(2, 2, 5, 6)
    return "MaxPool", [x], dict(kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]), pool_indices(x, 3, 2, 1, False)


def case_maxpool_column_major():
    x = floats(1, 2, 5, 6)
    return "MaxPool", [x], dict(kernel_shape=[2, 2], strides=[1, 1], storage_order=1), pool_indices(x, 2, 1, 0, True)


def case_global_average():
    x = floats(2, 3, 4, 5)
    return "GlobalAveragePool", [x], {}, [x.mean((2, 3), keepdims=True)]


def case_conv_grouped():
    x, w, b = floats(2, 4, 7), floats(6, 2, 3), floats(6)
    padded = numpy.pad(x, [(0, 0), (0, 0), (2, 1)])
    y = numpy.zeros((2, 6, 3), numpy.float32)
    for n, m, o in numpy.ndindex(*y.shape):
        part = padded[n, m // 3 * 2:m // 3 * 2 + 2, o * 2:o * 2 + 5:2]
        y[n, m, o] = (part * w[m]).sum() + b[m]
    return "Conv", [x, w, b], dict(group=2, strides=[2], dilations=[2], pads=[2, 1]), [y]


def convolution(x, w, strides):
    """From the definition, without padding; any number of dimensions."""
    sizes = [(n - k) // s + 1 for n, k, s in zip(x.shape[2:], w.shape[2:], strides)]
    y = numpy.empty((x.shape[0], w.shape[0], *sizes))
    for at in numpy.ndindex(*sizes):
        window = tuple(slice(o * s, o * s + k) for o, s, k in zip(at, strides, w.shape[2:]))
        axes = range(1, x.ndim)
        y[(slice(None), slice(None), *at)] = numpy.tensordot(x[(slice(None), slice(None), *window)], w, (axes, axes))
    return y


def patches(shape, kernel, strides=None, channels=5):
    x, w = floats(*shape), floats(channels, shape[1], *kernel)
    y = convolution(x.astype(float), w.astype(float), strides or kernel)
    return "Conv", [x, w], dict(strides=list(strides or kernel)), [y]


def case_conv_patches_of_a_line():
    return patches((2, 3, 12), (4,))


def case_conv_patches_of_an_image():
    return patches((1, 3, 6, 9), (2, 3))


def case_conv_patches_of_rows():
    return patches((2, 1, 5, 8), (1, 4))


def case_conv_patches_of_a_volume():
    return patches((1, 2, 4, 2, 6), (2, 1, 3))


def case_conv_patches_that_leave_a_rest():
    return patches((2, 3, 7, 9), (2, 3))


def case_conv_patches_that_overlap():
    return patches((2, 3, 8, 8), (4, 4), (4, 2))


def case_conv_patches_with_gaps():
    return patches((2, 3, 8, 8), (2, 2), (4, 4))


def case_qlinear_conv():
    x = SOURCE.integers(0, 256, (1, 2, 4, 4), numpy.uint8)
    w = SOURCE.integers(-128, 128, (3, 2, 1, 1), numpy.int8)
    b = SOURCE.integers(-500, 500, 3).astype(numpy.int32)
    ws = numpy.float32([0.01, 0.02, 0.03])
    sums = numpy.einsum("nchw,mc->nmhw", x.astype(int) - 100, w[:, :, 0, 0].astype(int)) + b[:, None, None]
    y = numpy.clip(numpy.round(sums * numpy.float32(0.05) * ws[:, None, None] / numpy.float32(0.5)) + 30, 0, 255)
    inputs = [x, numpy.float32(0.05), numpy.uint8(100), w, ws, numpy.int8([0, 0, 0]), numpy.float32(0.5),
              numpy.uint8(30), b]
    return "QLinearConv", inputs, {}, [y.astype(numpy.uint8)]


def case_batch_norm_training():
    x, s, b, m, v = floats(4, 3, 5), floats(3), floats(3), floats(3), floats(3) ** 2
    mean, var = x.mean((0, 2)), x.var((0, 2))
    y = (x - mean[:, None]) / numpy.sqrt(var[:, None] + 1e-5) * s[:, None] + b[:, None]
    return ("BatchNormalization", [x, s, b, m, v], dict(training_mode=1, momentum=0.8),
            [y, m * 0.8 + mean * 0.2, v * 0.8 + var * 0.2])


def case_group_norm_per_group():
    x, s, b = floats(2, 4, 3), floats(2), floats(2)
    parts = x.reshape(2, 2, 6)
    y = (parts - parts.mean(-1, keepdims=True)) / numpy.sqrt(parts.var(-1, keepdims=True) + 1e-5)
    return "GroupNormalization", [x, s, b], dict(num_groups=2), [(y * s[:, None] + b[:, None]).reshape(x.shape)], 18


def case_depth_to_space():
    x = floats(1, 8, 2, 3)
    y = x.reshape(1, 2, 2, 2, 2, 3).transpose(0, 3, 4, 1, 5, 2).reshape(1, 2, 4, 6)
    return "DepthToSpace", [x], dict(blocksize=2), [y]


def case_space_to_depth():
    x = floats(1, 2, 4, 6)
    y = x.reshape(1, 2, 2, 2, 3, 2).transpose(0, 3, 5, 1, 2, 4).reshape(1, 8, 2, 3)
    return "SpaceToDepth", [x], dict(blocksize=2), [y]


def case_range_of_floats():
    start, limit, delta = numpy.float32(1), numpy.float32(-2), numpy.float32(-0.75)
    return "Range", [start, limit, delta], {}, [numpy.arange(1, -2, -0.75, numpy.float32)]


def case_cast_wraps():
    x = numpy.float32([-1.5, 3.7, 250.2, 0])
    return "Cast", [x], dict(to=2), [numpy.array([255, 3, 250, 0], numpy.uint8)]


def case_cast_to_bool():
    x = numpy.float32([-1.5, 0, numpy.nan, -0.0])
    return "Cast", [x], dict(to=9), [numpy.array([True, False, True, False])]


def case_shift_beyond_width():
    x, by = numpy.array([1, 200, 255], numpy.uint8), numpy.array([1, 8, 7], numpy.uint8)
    return "BitShift", [x, by], dict(direction="LEFT"), [numpy.array([2, 0, 128], numpy.uint8)]


def case_division_by_zero():
    x, y = numpy.int32([7, -7, -2147483648, 5]), numpy.int32([2, 2, -1, 0])
    return "Div", [x, y], {}, [numpy.int32([3, -3, -2147483648, 0])]


def case_integer_power():
    x, y = numpy.int64([3, -2, 2, 1]), numpy.int64([39, 3, 62, -5])
    return "Pow", [x, y], {}, [numpy.int64([3**39, -8, 2**62, 1])]


def case_lp_norm():
    x = floats(3, 4)
    x[1] = 0
    size = numpy.abs(x).sum(1, keepdims=True)
    return "LpNormalization", [x], dict(axis=1, p=1), [x / numpy.where(size == 0, 1, size)]


def case_scatter_by_name_of_old():
    x, places, new = floats(3, 3), numpy.int64([[1, 0, 2]]), floats(1, 3)
    y = x.copy()
    numpy.put_along_axis(y, places, new, 0)
    return "Scatter", [x, places, new], dict(axis=0), [y], 9


def case_unsigned_weights_are_only_moved():
    """No reader says how it takes them; more than 64 are weights that stay in the file."""
    x, y = SOURCE.integers(0, 256, (2, 9, 17)).astype(numpy.uint8)
    return "Concat", [x, y], dict(axis=1), [numpy.concatenate([x, y], 1)], 17, (0,)


def case_unsigned_weights_are_compared():
    x, y = SOURCE.integers(0, 2, (2, 9, 17)).astype(numpy.uint8)
    return "Equal", [x, y], {}, [x == y], 17, (1,)


def case_unsigned_weights_are_gathered():
    x, y = SOURCE.integers(0, 256, (9, 17)).astype(numpy.uint8), SOURCE.integers(-9, 9, 5)
    return "Gather", [x, y], dict(axis=0), [x[y]], 17, (0,)


def case_mask_of_fewer_keys():
    q, k, v = floats(1, 2, 3, 4), floats(1, 2, 6, 4), floats(1, 2, 6, 4)
    mask = numpy.array([True, True, False, True])
    scores = q @ k.transpose(0, 1, 3, 2) / 2
    scores = numpy.where(numpy.array([1, 1, 0, 1, 0, 0], bool), scores, -numpy.inf)
    return "Attention", [q, k, v, mask], {}, [softmax(scores, -1) @ v], 24


if __name__ == "__main__":
    main({n[5:]: f for n, f in list(globals().items()) if n.startswith("case_")})
