# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Traces and configurations for classifier.mlir.

usage: classify.py PREFIX            two traces: PREFIX.named.csv names the leaf of every packet by rules
                                     written again here, PREFIX.fields.csv leaves that to the mesh
       classify.py MESH.json PREFIX  configurations whose classifier is wrong
"""

import json
import random
import sys


def leaf(class_, port):
    if class_ == 0:
        return "low" if port < 1024 else "mid" if port < 49152 else "high"
    return "bulk" if class_ in (1, 3) else "rest"


def traces(prefix):
    random.seed(5)
    rows, held = [], 0
    for step in range(2000):
        if random.random() < 0.55 and held < 60:
            port = random.choice([0, 1023, 1024, 49151, 49152, 65535, random.randrange(65536)])
            rows.append((step, random.choice([0, 0, 1, 2, 3, 4]), port))
            held += 1
        else:
            rows.append((step, None, 0))
            held = max(0, held - 1)
    for name, of in (("named", leaf), ("fields", lambda *_: "+")):
        with open(f"{prefix}.{name}.csv", "w") as out:
            out.write("now,leaf,class,port\n")
            for now, class_, port in rows:
                out.write(f"{now},-,0,0\n" if class_ is None else f"{now},{of(class_, port)},{class_},{port}\n")


def wrong(path, prefix):
    def write(kind, edit):
        with open(path) as source:
            config = json.load(source)
        edit(config["classifier"])
        with open(f"{prefix}.{kind}", "w") as out:
            json.dump(config, out)

    write("now", lambda c: c["values"].__setitem__(0, {"op": "now", "bits": 64}))
    write("leaf", lambda c: c.__setitem__("leaf", len(c["values"])))
    write("bits", lambda c: c.__setitem__("leaf", next(i for i, v in enumerate(c["values"]) if v["bits"] == 1)))
    write("key", lambda c: c.__setitem__("rank", 0))


if len(sys.argv) == 2:
    traces(sys.argv[1])
else:
    wrong(*sys.argv[1:])
