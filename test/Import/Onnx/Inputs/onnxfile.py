# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes ONNX models byte by byte, from onnx/onnx.proto: no package of ONNX is needed.

Messages are lists of (field number, value): a value is an int (varint), float (32 bits), str, bytes or a
list of such pairs (a message inside). A dict of attributes becomes AttributeProtos.
"""

import struct

import numpy

TYPES = {
    "float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7, "bool": 9,
    "float16": 10, "float64": 11, "uint32": 12, "uint64": 13,
}


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def message(fields):
    """The bytes of a message."""
    out = bytearray()
    for number, value in fields:
        if isinstance(value, bool) or isinstance(value, (int, numpy.integer)):
            out += varint(number << 3) + varint(int(value))
        elif isinstance(value, float):
            out += varint(number << 3 | 5) + struct.pack("<f", value)
        else:
            if isinstance(value, str):
                value = value.encode()
            elif not isinstance(value, (bytes, bytearray)):
                value = message(value)
            out += varint(number << 3 | 2) + varint(len(value)) + value
    return bytes(out)


def tensor(name, array, external=None):
    """TensorProto with raw data, or with `external` = (location, offset, length) without."""
    array = numpy.asarray(array)
    fields = [(1, n) for n in array.shape] + [(2, TYPES[str(array.dtype)]), (8, name)]
    if external is None:
        return fields + [(9, numpy.ascontiguousarray(array).tobytes())]
    for key, value in zip(("location", "offset", "length"), external):
        if value is not None:
            fields.append((13, [(1, key), (2, str(value))]))
    return fields + [(14, 1)]


def sparse(name, values, indices, shape):
    """SparseTensorProto."""
    return [(1, tensor(name, values)), (2, tensor("", numpy.asarray(indices, numpy.int64)))] + [(3, n) for n in shape]


def attribute(name, value):
    if isinstance(value, dict):  # a graph
        return [(1, name), (6, value["graph"]), (20, 5)]
    if isinstance(value, numpy.ndarray):
        return [(1, name), (5, tensor("", value)), (20, 4)]
    if isinstance(value, str):
        return [(1, name), (4, value), (20, 3)]
    if isinstance(value, float):
        return [(1, name), (2, value), (20, 1)]
    if isinstance(value, int):
        return [(1, name), (3, value), (20, 2)]
    if value and isinstance(value[0], float):
        return [(1, name)] + [(7, v) for v in value] + [(20, 6)]
    if value and isinstance(value[0], str):
        return [(1, name)] + [(9, v) for v in value] + [(20, 8)]
    return [(1, name)] + [(8, v) for v in value] + [(20, 7)]


def node(op, inputs, outputs, name="", domain="", doc="", **attributes):
    fields = [(1, i) for i in inputs] + [(2, o) for o in outputs]
    if name:
        fields.append((3, name))
    fields.append((4, op))
    fields += [(5, attribute(k, v)) for k, v in attributes.items()]
    if doc:
        fields.append((6, doc))
    if domain:
        fields.append((7, domain))
    return fields


def value(name, dtype, shape):
    """ValueInfoProto; dimensions are numbers, symbols or None."""
    dims = []
    for size in shape:
        dims.append((1, [] if size is None else [(2, size)] if isinstance(size, str) else [(1, size)]))
    return [(1, name), (2, [(1, [(1, TYPES[dtype]), (2, dims)])])]


def graph(nodes, inputs, outputs, initializers=(), name="model", sparse_initializers=()):
    return (
        [(1, n) for n in nodes]
        + [(2, name)]
        + [(5, t) for t in initializers]
        + [(11, v) for v in inputs]
        + [(12, v) for v in outputs]
        + [(15, t) for t in sparse_initializers]
    )


def function(domain, name, inputs, outputs, nodes, attributes=(), opsets=(("", 17),)):
    return (
        [(1, name)]
        + [(4, i) for i in inputs]
        + [(5, o) for o in outputs]
        + [(6, a) for a in attributes]
        + [(7, n) for n in nodes]
        + [(9, [(1, d), (2, v)]) for d, v in opsets]
        + [(10, domain)]
    )


def model(graph_fields, opset=17, ir=8, domains=(), functions=(), producer="nm tests"):
    return message(
        [(1, ir), (2, producer), (3, "1"), (7, graph_fields), (8, [(1, ""), (2, opset)])]
        + [(8, [(1, d), (2, v)]) for d, v in domains]
        + [(25, f) for f in functions]
    )


def write(path, *arguments, **options):
    with open(path, "wb") as out:
        out.write(model(*arguments, **options))
