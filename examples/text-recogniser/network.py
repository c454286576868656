# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""PP-OCRv4's text recogniser as a torch module, from its ONNX file and back.

The module walks the graph: its constants of several floating-point numbers are parameters under their
ONNX names, everything else is computed as the file says. Only the operators of this model are known.
"""

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch.nn import functional


class Recogniser(torch.nn.Module):
    """x [lines, 3, 48, width] -> (what the convolutions see [lines, 480, 1, width / 8], features
    [lines, width / 8, 120], logits [lines, width / 8, classes]). The file's last operator, the softmax,
    is left to the caller."""

    def __init__(self, path):
        super().__init__()
        self.model = onnx.load(str(path))
        graph = self.model.graph
        self.constants, self.places, weights = {}, {}, {}
        for node in graph.node:
            if node.op_type == "Constant":
                value = numpy_helper.to_array(node.attribute[0].t)
                self.constants[node.output[0]] = torch.from_numpy(value.copy())
        for tensor in graph.initializer:
            self.constants[tensor.name] = torch.from_numpy(numpy_helper.to_array(tensor).copy())
        self.nodes = [node for node in graph.node if node.op_type != "Constant"]
        if [node.op_type for node in self.nodes[-3:]] != ["MatMul", "Add", "Softmax"]:
            raise ValueError(f"{path}: ends in {self.nodes[-1].op_type}, expected PP-OCRv4's recogniser")
        # Running statistics of batch norms stay what they are.
        fixed = {name for node in self.nodes if node.op_type == "BatchNormalization" for name in node.input[3:]}
        for name, value in self.constants.items():
            if value.is_floating_point() and value.numel() > 1 and name not in fixed:
                weights[name.replace(".", "_")] = torch.nn.Parameter(value)
                self.places[name] = name.replace(".", "_")
        self.weights = torch.nn.ParameterDict(weights)
        self.steps = self.fused(graph)

    def fused(self, graph):
        """(function, names of operands, name of the result) in order; x clip(x + 3, 0, 6) / 6 is one step."""
        steps, skip = [], set()
        by_result = {name: node for node in self.nodes for name in node.output}
        for node in self.nodes:
            if node.op_type != "Div":
                continue
            product = by_result.get(node.input[0])
            if product is None or product.op_type != "Mul":
                continue
            clip = by_result.get(product.input[1])
            if clip is None or clip.op_type != "Clip":
                continue
            add = by_result[clip.input[0]]
            if add.op_type == "Add" and add.input[0] == product.input[0]:
                skip |= {id(product), id(clip), id(add)}
                steps.append((node, lambda _, x: functional.hardswish(x), [add.input[0]]))
            else:
                raise ValueError(f"{node.name}: a Clip that is no hard swish")
        swish = {id(node): (function, operands) for node, function, operands in steps}
        found = []
        for node in self.nodes[:-1]:
            if id(node) in skip:
                continue
            function, operands = swish.get(id(node), (None, list(node.input)))
            if function is None:
                if node.op_type not in OPERATORS:
                    raise ValueError(f"operator {node.op_type} is not one of PP-OCRv4's recogniser")
                function = OPERATORS[node.op_type]
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            found.append((function, attributes, operands, node.output[0]))
        return found

    def prunable(self):
        """(name, parameter, axis of the inputs) of matrices: linear layers [in, out] and convolutions
        of one by one [out, in, 1, 1] over whole groups of four inputs."""
        found = []
        for node in self.nodes:
            if node.op_type not in ("MatMul", "Conv") or node.input[1] not in self.places:
                continue
            weight = self.weights[self.places[node.input[1]]]
            axis = 0 if node.op_type == "MatMul" else 1
            if weight.shape[axis] % 4 == 0 and weight.shape[2:].numel() == 1:
                found.append((node.input[1], weight, axis))
        return found

    def forward(self, x):
        values = {name: self.weights[place] for name, place in self.places.items()}
        values.update({name: value for name, value in self.constants.items() if name not in values})
        values[self.model.graph.input[0].name] = x
        for function, attributes, operands, result in self.steps:
            values[result] = function(attributes, *(values[name] for name in operands))
        seen = next(node.output[0] for node in self.nodes if node.op_type == "AveragePool")
        return values[seen], values[self.nodes[-3].input[0]], values[self.nodes[-2].output[0]]

    def save(self, path):
        """The ONNX file with the weights of now, each where it was."""
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        tensors = {node.output[0]: node.attribute[0].t for node in model.graph.node if node.op_type == "Constant"}
        tensors.update({tensor.name: tensor for tensor in model.graph.initializer})
        for name, place in self.places.items():
            weight = self.weights[place].detach().contiguous().numpy()
            tensors[name].CopyFrom(numpy_helper.from_array(weight, name))
        onnx.save(model, str(path))


def conv(attributes, x, weight, bias=None):
    pads = attributes["pads"]
    return functional.conv2d(x, weight, bias, attributes["strides"], pads[:2], attributes["dilations"],
                             attributes["group"])


def sliced(attributes, x):
    for axis, start, end in zip(attributes["axes"], attributes["starts"], attributes["ends"]):
        x = x.narrow(axis, start, min(end, x.shape[axis]) - start)
    return x


def reshape(_, x, shape):
    """Zero keeps a dimension."""
    return x.reshape([x.shape[i] if size == 0 else size for i, size in enumerate(shape.tolist())])


def squeeze(attributes, x):
    for axis in sorted(attributes["axes"], reverse=True):
        x = x.squeeze(axis)
    return x


def clip(attributes, x):
    return x.clamp(attributes["min"], attributes["max"])


#: ONNX operators of the model's operator set, 9.
OPERATORS = {
    "Add": lambda _, a, b: a + b,
    "AveragePool": lambda a, x: functional.avg_pool2d(x, a["kernel_shape"], a["strides"]),
    "BatchNormalization": lambda a, x, scale, bias, mean, variance: functional.batch_norm(
        x, mean, variance, scale, bias, eps=a["epsilon"]),
    "Cast": lambda a, x: x.to(torch.float32 if a["to"] == 1 else torch.int64),
    "Clip": clip,
    "Concat": lambda a, *x: torch.cat(x, a["axis"]),
    "Conv": conv,
    "Div": lambda _, a, b: a / b,
    "GlobalAveragePool": lambda _, x: x.mean((2, 3), keepdim=True),
    "HardSigmoid": lambda a, x: (a.get("alpha", 0.2) * x + a.get("beta", 0.5)).clamp(0, 1),
    "MatMul": lambda _, a, b: a @ b,
    "Mul": lambda _, a, b: a * b,
    "Pow": lambda _, a, b: a ** b,
    "ReduceMean": lambda a, x: x.mean(a["axes"], keepdim=bool(a.get("keepdims", 1))),
    "Relu": lambda _, x: x.relu(),
    "Reshape": reshape,
    "Shape": lambda _, x: torch.tensor(x.shape),
    "Sigmoid": lambda _, x: x.sigmoid(),
    "Slice": sliced,
    "Softmax": lambda a, x: x.softmax(a["axis"]),
    "Sqrt": lambda _, x: x.sqrt(),
    "Squeeze": squeeze,
    "Sub": lambda _, a, b: a - b,
    "Transpose": lambda a, x: x.permute(a["perm"]),
}
