// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// usage: caller MODEL INPUT OUTPUT
// As caller.c: the first function of a model on the bare elements of a file.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"caller/nm"
)

// closeShape is the shape of t with the open size that holds so many bytes.
func closeShape(t nm.ValueType, bytes int) []int64 {
	part := int64(t.DType.Bytes())
	for _, size := range t.Shape {
		if size != nm.Dynamic {
			part *= size
		}
	}
	shape := append([]int64{}, t.Shape...)
	for i, size := range shape {
		if size == nm.Dynamic && part > 0 {
			shape[i] = (int64(bytes) + part - 1) / part
		}
	}
	return shape
}

func text(name string, dtype nm.DType, shape []int64) string {
	return fmt.Sprintf("%s: %s %s", name, dtype, strings.ReplaceAll(fmt.Sprint(shape), " ", ", "))
}

func run(path, input, output string) error {
	data, err := os.ReadFile(input)
	if err != nil {
		return err
	}
	model, err := nm.Load(path)
	if err != nil {
		return err
	}
	defer model.Close()
	x, err := model.Input(0, 0)
	if err != nil {
		return err
	}
	y, err := model.Output(0, 0)
	if err != nil {
		return err
	}
	shape := closeShape(x, len(data))
	results, err := model.Run(0, []nm.Array{{DType: x.DType, Shape: shape, Data: data}})
	if err != nil {
		return err
	}
	fmt.Println(text(x.Name, x.DType, shape))
	fmt.Println(text(y.Name, results[0].DType, results[0].Shape))
	return os.WriteFile(output, results[0].Data, 0o644)
}

func main() {
	err := errors.New("usage: caller MODEL INPUT OUTPUT")
	if len(os.Args) == 4 {
		err = run(os.Args[1], os.Args[2], os.Args[3])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}
