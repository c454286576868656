# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""usage: caller.py MODEL INPUT OUTPUT

As caller.c: the first function of a model on the bare elements of a file.
"""

import sys

import numpy as np

import nm


def text(name, array):
    return f"{name}: {'f32' if array.dtype == np.float32 else array.dtype} {list(array.shape)}"


def main():
    if len(sys.argv) != 4:
        sys.exit("error: usage: caller MODEL INPUT OUTPUT")
    try:
        model = nm.load(sys.argv[1])
        (x,), (y,) = model.inputs, model.outputs
        data = np.fromfile(sys.argv[2], x.dtype)
        # The size that the model leaves open is what the elements make of it.
        rest = int(np.prod([size for size in x.shape if size >= 0]))
        array = data.reshape([data.size // rest if size < 0 else size for size in x.shape])
        result = model(array)
        print(text(x.name, array))
        print(text(y.name, result))
        result.tofile(sys.argv[3])
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
