# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# usage: scripts/stress onnx [FOLDER] [options of cases.py]
# Runs every operator case of the ONNX project in FOLDER (OPERATOR/CASE/model.onnx with its arrays;
# ../shared/data/onnx-nodes if none is named) and compares the results.
build=${NM_BUILD:-build/release}
folder=../shared/data/onnx-nodes
if (($#)) && [[ $1 != -* ]]; then
  folder=$1
  shift
fi
exec /usr/bin/python3 test/Import/Onnx/Inputs/cases.py "$build/bin/nm-run" "$folder" "$@"
