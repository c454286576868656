# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Operators of image models against NumPy, from the text of ONNX's Operators.md: resizing, transposed convolution,
pooling by norms, and selections whose size the data say.

usage: images.py FOLDER [REGEX]
"""

import math

import numpy

from oneop import main

SOURCE = numpy.random.default_rng(23)


def floats(*shape):
    return SOURCE.standard_normal(shape).astype(numpy.float32)


# Resize ---------------------------------------------------------------------------------------------------------------

def coordinate(x, before, after, scale, mode, region=(0, 1)):
    """Where element x of the result lies in the input."""
    length = scale * before
    if mode == "asymmetric":
        return x / scale
    if mode == "align_corners":
        return 0.0 if length == 1 else x * (before - 1) / (length - 1)
    if mode == "pytorch_half_pixel" and length == 1:
        return 0.0
    if mode == "tf_crop_and_resize":
        start, end = region
        if length == 1:
            return (start + end) * (before - 1) / 2
        return start * (before - 1) + x * (end - start) * (before - 1) / (length - 1)
    shift = before / 2 * (1 - after / length) if mode == "half_pixel_symmetric" else 0.0
    return shift + (x + 0.5) / scale - 0.5


def nearest(x, rounding):
    return {"floor": math.floor(x), "ceil": math.ceil(x), "round_prefer_floor": math.ceil(x - 0.5),
            "round_prefer_ceil": math.floor(x + 0.5)}[rounding]


def kernel(mode, distance, a):
    d = abs(distance)
    if mode == "linear":
        return max(0.0, 1 - d)
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0


def matrix(before, after, scale, attributes, region):
    """[after, before] of weights, and which rows lie outside of the input."""
    mode = attributes.get("mode", "nearest")
    how = attributes.get("coordinate_transformation_mode", "half_pixel")
    weights, outside = numpy.zeros((after, before)), numpy.zeros(after, bool)
    for i in range(after):
        x = coordinate(i, before, after, scale, how, region)
        outside[i] = how == "tf_crop_and_resize" and not 0 <= x <= before - 1
        if mode == "nearest":
            place = nearest(x, attributes.get("nearest_mode", "round_prefer_floor"))
            weights[i, min(max(place, 0), before - 1)] = 1
            continue
        shrink = min(scale, 1.0) if attributes.get("antialias") else 1.0
        reach = math.ceil((2 if mode == "cubic" else 1) / shrink) + 1
        row = numpy.zeros(before)
        for place in range(math.floor(x) - reach, math.floor(x) + reach + 2):
            weight = kernel(mode, (place - x) * shrink, attributes.get("cubic_coeff_a", -0.75))
            if attributes.get("exclude_outside") and not 0 <= place < before:
                continue
            row[min(max(place, 0), before - 1)] += weight
        weights[i] = row / row.sum()
    return weights, outside


def resized(shape, scales=None, sizes=None, region=None, axes=None, opset=19, dtype=numpy.float32, **attributes):
    x = floats(*shape).astype(dtype) if dtype == numpy.float32 else SOURCE.integers(0, 200, shape).astype(dtype)
    which = list(range(x.ndim)) if axes is None else [a % x.ndim for a in axes]
    policy = attributes.get("keep_aspect_ratio_policy", "stretch")
    before = [x.shape[a] for a in which]
    if sizes is not None and policy == "stretch":
        after, factors = list(sizes), [s / b for s, b in zip(sizes, before)]
    elif sizes is not None:
        each = [s / b for s, b in zip(sizes, before)]
        factors = [min(each) if policy == "not_larger" else max(each)] * len(each)
        after = [math.floor(f * b + 0.5) for f, b in zip(factors, before)]
    else:
        factors = [float(numpy.float32(s)) for s in scales]
        after = [math.floor(b * s) for b, s in zip(before, factors)]
    y, hidden = x.astype(float), []
    for i, axis in enumerate(which):
        limits = (region[i], region[i + len(which)]) if region else (0, 1)
        weights, outside = matrix(before[i], after[i], factors[i], attributes, limits)
        y = numpy.moveaxis(numpy.tensordot(weights, y, (1, axis)), 0, axis)
        hidden.append((axis, outside))
    for axis, outside in hidden:
        numpy.moveaxis(y, axis, 0)[outside] = attributes.get("extrapolation_value", 0)
    if axes is not None:
        attributes["axes"] = list(axes)
    inputs = [x, None if region is None else numpy.float32(region), None if scales is None else numpy.float32(scales),
              None if sizes is None else numpy.int64(sizes)]
    while inputs[-1] is None:
        inputs.pop()
    return "Resize", inputs, attributes, [y.astype(dtype)], opset


def case_resize_nearest():
    return resized((1, 2, 3, 4), scales=[1, 1, 2, 3])


def case_resize_nearest_integers():
    return resized((1, 1, 5, 4), sizes=[1, 1, 3, 7], dtype=numpy.uint8)


def case_resize_nearest_ceil():
    return resized((1, 1, 4, 4), sizes=[1, 1, 8, 8], nearest_mode="ceil", coordinate_transformation_mode="half_pixel")


def case_resize_nearest_floor_corners():
    return resized((1, 1, 4, 4), sizes=[1, 1, 8, 8], nearest_mode="floor", coordinate_transformation_mode="align_corners")


def case_resize_nearest_prefer_ceil():
    return resized((1, 1, 4, 4), sizes=[1, 1, 8, 6], nearest_mode="round_prefer_ceil",
                   coordinate_transformation_mode="asymmetric")


def case_resize_linear():
    return resized((2, 3, 4, 5), scales=[1, 1, 1.7, 0.6], mode="linear")


def case_resize_linear_corners():
    return resized((1, 1, 4, 5), scales=[1, 1, 2, 2], mode="linear", coordinate_transformation_mode="align_corners")


def case_resize_linear_corners_smaller():
    return resized((1, 1, 2, 4), scales=[1, 1, 0.6, 0.6], mode="linear", coordinate_transformation_mode="align_corners")


def case_resize_linear_pytorch():
    return resized((1, 1, 4, 4), sizes=[1, 1, 3, 1], mode="linear", coordinate_transformation_mode="pytorch_half_pixel")


def case_resize_linear_symmetric():
    return resized((1, 1, 1, 4), scales=[1, 1, 1, 0.6], mode="linear", coordinate_transformation_mode="half_pixel_symmetric")


def case_resize_cubic():
    return resized((1, 2, 4, 4), scales=[1, 1, 2, 1.5], mode="cubic")


def case_resize_cubic_excluded():
    return resized((1, 1, 4, 5), sizes=[1, 1, 9, 3], mode="cubic", cubic_coeff_a=-0.5, exclude_outside=1)


def case_resize_cubic_asymmetric():
    return resized((1, 1, 4, 4), scales=[1, 1, 0.8, 2], mode="cubic", coordinate_transformation_mode="asymmetric")


def case_resize_antialias_linear():
    return resized((1, 1, 9, 8), sizes=[1, 1, 4, 3], mode="linear", antialias=1)


def case_resize_antialias_cubic():
    return resized((1, 1, 9, 8), scales=[1, 1, 0.5, 0.6], mode="cubic", antialias=1)


def case_resize_crop():
    return resized((1, 1, 4, 4), sizes=[1, 1, 3, 3], region=[0, 0, 0.4, 0.6, 1, 1, 0.6, 0.8], mode="linear",
                   coordinate_transformation_mode="tf_crop_and_resize")


def case_resize_crop_beyond():
    return resized((1, 1, 4, 4), sizes=[1, 1, 3, 3], region=[0, 0, 0.4, 0.6, 1, 1, 1.2, 1.7], mode="linear",
                   coordinate_transformation_mode="tf_crop_and_resize", extrapolation_value=10.0)


def case_resize_axes():
    return resized((2, 4, 3, 5), sizes=[6, 8], axes=[-1, 1], mode="linear")


def case_resize_not_larger():
    return resized((1, 1, 2, 4), sizes=[7, 8], axes=[2, 3], keep_aspect_ratio_policy="not_larger")


def case_resize_not_smaller():
    return resized((1, 1, 2, 4), sizes=[7, 8], axes=[2, 3], mode="linear", keep_aspect_ratio_policy="not_smaller")


def case_resize_ten():
    op, inputs, _, _, _ = resized((1, 1, 2, 2), scales=[1, 1, 2, 3])
    return op, [inputs[0], inputs[2]], {}, [inputs[0].repeat(2, 2).repeat(3, 3)], 10


def case_upsample():
    x = floats(1, 1, 2, 2)
    return "Upsample", [x, numpy.float32([1, 1, 2, 3])], dict(mode="nearest"), [x.repeat(2, 2).repeat(3, 3)], 9, [1]


def case_upsample_attribute():
    x = floats(1, 1, 2, 2)
    return "Upsample", [x], dict(mode="nearest", scales=[1.0, 1.0, 2.0, 3.0]), [x.repeat(2, 2).repeat(3, 3)], 7


# Transposed convolution -----------------------------------------------------------------------------------------------

def transposed(shape, weight, bias=False, groups=1, strides=None, dilations=None, begin=None, end=None, extra=None,
               result=None, **attributes):
    """Each element of x adds its multiple of the kernel."""
    x, w = floats(*shape), floats(*weight)
    count = x.ndim - 2
    strides, dilations = strides or [1] * count, dilations or [1] * count
    begin, end, extra = begin or [0] * count, end or [0] * count, extra or [0] * count
    whole = [(n - 1) * s + (k - 1) * d + 1 + e
             for n, s, k, d, e in zip(x.shape[2:], strides, w.shape[2:], dilations, extra)]
    outputs, each = groups * w.shape[1], x.shape[1] // groups
    y = numpy.zeros((x.shape[0], outputs, *whole))
    for at in numpy.ndindex(*x.shape[2:]):
        for tap in numpy.ndindex(*w.shape[2:]):
            where = tuple(a * s + t * d for a, s, t, d in zip(at, strides, tap, dilations))
            for g in range(groups):
                part = x[(slice(None), slice(g * each, (g + 1) * each), *at)].astype(float)
                y[(slice(None), slice(g * w.shape[1], (g + 1) * w.shape[1]), *where)] += \
                    part @ w[(slice(g * each, (g + 1) * each), slice(None), *tap)]
    result = result or [n - b - e for n, b, e in zip(whole, begin, end)]
    y = y[(slice(None), slice(None), *(slice(b, b + n) for b, n in zip(begin, result)))]
    inputs = [x, w]
    if bias:
        inputs.append(floats(outputs))
        y = y + inputs[2].reshape(-1, *[1] * count)
    given = dict(group=groups, strides=strides, dilations=dilations)
    if any(begin + end) and "auto_pad" not in attributes and "output_shape" not in attributes:
        given["pads"] = begin + end
    if any(extra):
        given["output_padding"] = extra
    return "ConvTranspose", inputs, dict(given, **attributes), [y], 17, [1] if bias else []


def case_transposed():
    return transposed((1, 3, 3, 4), (3, 2, 3, 3))


def case_transposed_line():
    return transposed((2, 1, 5), (1, 3, 3), bias=True, strides=[3], begin=[1], end=[2])


def case_transposed_volume():
    return transposed((1, 2, 2, 3, 2), (2, 1, 2, 2, 3), strides=[1, 2, 2])


def case_transposed_doubling():
    return transposed((1, 4, 5, 6), (4, 3, 2, 2), bias=True, strides=[2, 2])


def case_transposed_padding():
    return transposed((1, 2, 4, 3), (2, 2, 4, 4), strides=[2, 3], begin=[1, 2], end=[2, 1], extra=[1, 2])


def case_transposed_groups():
    return transposed((2, 4, 3, 3), (4, 3, 3, 2), bias=True, groups=2, strides=[2, 1], dilations=[2, 3])


def case_transposed_depthwise():
    return transposed((1, 4, 3, 3), (4, 1, 3, 3), groups=4, strides=[2, 2], begin=[1, 1], end=[1, 1], extra=[1, 1])


def case_transposed_shape():
    # (3 - 1) * 3 + 3 = 9 and (3 - 1) * 2 + 3 = 7 without pads; one is added.
    return transposed((1, 1, 3, 3), (1, 2, 3, 3), strides=[3, 2], extra=[1, 1], result=[10, 8], output_shape=[10, 8])


def case_transposed_same_upper():
    return transposed((1, 1, 3, 3), (1, 2, 3, 3), strides=[2, 2], begin=[0, 0], end=[1, 1], auto_pad="SAME_UPPER")


def case_transposed_same_lower():
    return transposed((1, 1, 3, 3), (1, 2, 3, 3), strides=[2, 2], begin=[1, 1], end=[0, 0], auto_pad="SAME_LOWER")


# Pooling, norms -------------------------------------------------------------------------------------------------------

def lp_pool(p, strides, pad):
    x = floats(1, 2, 6, 5)
    padded = numpy.pad(x.astype(float), [(0, 0), (0, 0), (pad, pad), (pad, pad)])
    sizes = [(n - 3) // s + 1 for n, s in zip(padded.shape[2:], strides)]
    y = numpy.zeros((1, 2, *sizes))
    for i, j in numpy.ndindex(*sizes):
        window = padded[:, :, i * strides[0]:i * strides[0] + 3, j * strides[1]:j * strides[1] + 3]
        y[:, :, i, j] = (abs(window)**p).sum((2, 3))**(1 / p)
    return "LpPool", [x], dict(p=p, kernel_shape=[3, 3], strides=strides, pads=[pad] * 4), [y], 18


def case_lp_pool():
    return lp_pool(2, [1, 1], 0)


def case_lp_pool_three():
    return lp_pool(3, [2, 1], 1)


def case_lp_pool_global():
    x = floats(2, 3, 4, 5)
    return "GlobalLpPool", [x], dict(p=1), [abs(x).sum((2, 3), keepdims=True)]


def local_response(size):
    x = floats(2, 7, 3, 2)
    y = numpy.zeros(x.shape)
    for c in range(7):
        near = x[:, max(0, c - (size - 1) // 2):min(7, c + math.ceil((size - 1) / 2) + 1)].astype(float)
        y[:, c] = x[:, c] / (1.5 + 0.2 / size * (near**2).sum(1))**0.6
    return "LRN", [x], dict(size=size, alpha=0.2, beta=0.6, bias=1.5), [y]


def case_local_response():
    return local_response(3)


def case_local_response_even():
    return local_response(4)


def case_mean_variance():
    x = floats(3, 3, 4, 2)
    axes = (0, 2, 3)
    return "MeanVarianceNormalization", [x], {}, [(x - x.mean(axes, keepdims=True)) / (x.std(axes, keepdims=True) + 1e-9)]


def case_hardmax():
    x = numpy.round(floats(3, 4, 5))
    y = (numpy.arange(4)[:, None] == x.argmax(1)[:, None]).astype(numpy.float32)
    return "Hardmax", [x], dict(axis=1), [y]


def case_hardmax_flattens():
    x = floats(3, 4, 5)
    y = numpy.eye(20, dtype=numpy.float32)[x.reshape(3, 20).argmax(1)].reshape(x.shape)
    return "Hardmax", [x], {}, [y], 11


# Selections -----------------------------------------------------------------------------------------------------------

def case_nonzero():
    x = numpy.float32([[[1, 0], [0, -2]], [[0, 0], [numpy.nan, 3]]])
    return "NonZero", [x], {}, [numpy.array(numpy.nonzero(x))]


def case_nonzero_of_nothing():
    return "NonZero", [numpy.zeros((3, 4), bool)], {}, [numpy.zeros((2, 0), numpy.int64)]


def case_compress_axis():
    x = floats(3, 5)
    keep = numpy.array([False, True, False, True])
    return "Compress", [x, keep], dict(axis=1), [x[:, [1, 3]]]


def case_compress_flat():
    x = SOURCE.integers(0, 9, (3, 2))
    keep = numpy.array([True, False, True, True, False])
    return "Compress", [x, keep], {}, [x.reshape(-1)[[0, 2, 3]]]


def reverse(time):
    x, lengths = floats(*((5, 3, 2) if time == 0 else (3, 5, 2))), numpy.int64([1, 5, 3])
    y = x.copy()
    for b, n in enumerate(lengths):
        if time == 0:
            y[:n, b] = x[:n, b][::-1]
        else:
            y[b, :n] = x[b, :n][::-1]
    return "ReverseSequence", [x, lengths], dict(time_axis=time, batch_axis=1 - time), [y]


def case_reverse_time():
    return reverse(0)


def case_reverse_batch():
    return reverse(1)


def corners(box, centred):
    if centred:
        return box[0] - box[2] / 2, box[1] - box[3] / 2, box[0] + box[2] / 2, box[1] + box[3] / 2
    return min(box[0], box[2]), min(box[1], box[3]), max(box[0], box[2]), max(box[1], box[3])


def share(a, b):
    """Intersection over union."""
    height = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    width = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    inner = height * width
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inner
    return inner / union if union > 0 else 0.0


def suppressed(most, overlap=None, least=None, centred=False, flipped=False, batch=2, classes=3, count=20):
    boxes = SOURCE.uniform(0, 10, (batch, count, 4)).astype(numpy.float32)
    if not flipped and not centred:
        boxes = numpy.concatenate([boxes[..., :2], boxes[..., :2] + abs(boxes[..., 2:])], -1)
    scores = numpy.round(SOURCE.uniform(0, 1, (batch, classes, count)), 2).astype(numpy.float32)
    rows = []
    for b, c in numpy.ndindex(batch, classes):
        kept = []
        for i in numpy.argsort(-scores[b, c], kind="stable"):
            if len(kept) == most or (least is not None and not scores[b, c, i] > numpy.float32(least)):
                continue
            if all(share(corners(boxes[b, i], centred), corners(boxes[b, k], centred)) <= (overlap or 0) for k in kept):
                kept.append(i)
        rows += [[b, c, i] for i in kept]
    inputs = [boxes, scores, numpy.int64([most]), None if overlap is None else numpy.float32([overlap]),
              None if least is None else numpy.float32([least])]
    while inputs[-1] is None:
        inputs.pop()
    return ("NonMaxSuppression", inputs, dict(center_point_box=int(centred)),
            [numpy.array(rows, numpy.int64).reshape(-1, 3)], 11)


def case_suppression():
    return suppressed(3, 0.3, 0.2)


def case_suppression_centred():
    return suppressed(30, 0.4, centred=True)


def case_suppression_flipped():
    return suppressed(5, 0.5, 0.5, flipped=True)


def case_suppression_of_all_scores():
    return suppressed(4, 0.2, 2.0)


def case_suppression_of_nothing():
    return suppressed(0, 0.2)


if __name__ == "__main__":
    main({n[5:]: f for n, f in list(globals().items()) if n.startswith("case_")})
