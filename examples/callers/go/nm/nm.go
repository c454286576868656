// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Package nm runs compiled models by the C ABI of libnm_runtime (nm/nm_model.h). A folder to copy.
package nm

/*
#cgo LDFLAGS: -lnm_runtime
#include <stdlib.h>
#include "nm/nm_model.h"
*/
import "C"

import (
	"errors"
	"runtime"
	"unsafe"
)

// Dynamic is a size that each call chooses.
const Dynamic = int64(C.NM_DYNAMIC_SIZE)

// DType is an element type, by its number in nm_dtype.
type DType int32

func (d DType) String() string { return C.GoString(C.nm_dtype_name(C.nm_dtype(d))) }

// Bytes of one element.
func (d DType) Bytes() int { return int(C.nm_dtype_bytes(C.nm_dtype(d))) }

// ValueType is an input or output of a function.
type ValueType struct {
	Name  string
	DType DType
	Shape []int64
}

// Array is row-major; Data are the bytes of its elements.
type Array struct {
	DType DType
	Shape []int64
	Data  []byte
}

// Model may be run by several goroutines at once.
type Model struct{ model *C.nm_model }

func failed(status C.nm_status, err *C.nm_error) error {
	if status == C.NM_OK {
		return nil
	}
	defer C.nm_error_free(err)
	return errors.New(C.GoString(C.nm_error_message(err)))
}

// Load loads a compiled library, which is code: load none that you would not run.
func Load(path string) (*Model, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	var model *C.nm_model
	var err *C.nm_error
	status := C.nm_model_load(name, nil, &model, &err)
	if err := failed(status, err); err != nil {
		return nil, err
	}
	m := &Model{model}
	runtime.SetFinalizer(m, (*Model).Close)
	return m, nil
}

// Close releases the model; no call of it may be in progress.
func (m *Model) Close() {
	C.nm_model_free(m.model)
	m.model = nil
	runtime.SetFinalizer(m, nil)
}

// Input describes an input of a function.
func (m *Model) Input(function, index int) (ValueType, error) {
	defer runtime.KeepAlive(m)
	t := C.nm_value_type{struct_size: C.sizeof_nm_value_type}
	var err *C.nm_error
	status := C.nm_model_input(m.model, C.size_t(function), C.size_t(index), &t, &err)
	return described(&t), failed(status, err)
}

// Output describes an output of a function.
func (m *Model) Output(function, index int) (ValueType, error) {
	defer runtime.KeepAlive(m)
	t := C.nm_value_type{struct_size: C.sizeof_nm_value_type}
	var err *C.nm_error
	status := C.nm_model_output(m.model, C.size_t(function), C.size_t(index), &t, &err)
	return described(&t), failed(status, err)
}

func described(t *C.nm_value_type) ValueType {
	return ValueType{C.GoString(t.name), DType(t.dtype), sizes(t.shape, t.rank)}
}

func sizes(shape *C.int64_t, rank C.size_t) []int64 {
	return append([]int64{}, unsafe.Slice((*int64)(unsafe.Pointer(shape)), int(rank))...)
}

// values is C memory of nm_value: memory of Go that holds pointers may not go to C.
func values(count int) []C.nm_value {
	if count == 0 {
		return nil
	}
	memory := C.calloc(C.size_t(count), C.sizeof_nm_value)
	all := unsafe.Slice((*C.nm_value)(memory), count)
	for i := range all {
		C.nm_value_init(&all[i])
	}
	return all
}

func first(all []C.nm_value) *C.nm_value {
	if len(all) == 0 {
		return nil
	}
	return &all[0]
}

// Run runs a function. Inputs are copied to memory of C, results to memory of Go.
func (m *Model) Run(function int, inputs []Array) ([]Array, error) {
	defer runtime.KeepAlive(m)
	in := values(len(inputs))
	out := values(int(C.nm_model_num_outputs(m.model, C.size_t(function))))
	defer C.free(unsafe.Pointer(first(in)))
	defer C.free(unsafe.Pointer(first(out)))
	for i, array := range inputs {
		in[i].dtype = C.nm_dtype(array.DType)
		in[i].rank = C.size_t(len(array.Shape))
		in[i].bytes = C.size_t(len(array.Data))
		in[i].data = C.CBytes(array.Data)
		defer C.free(in[i].data)
		shape := C.calloc(C.size_t(len(array.Shape)+1), C.sizeof_int64_t)
		defer C.free(shape)
		copy(unsafe.Slice((*int64)(shape), len(array.Shape)), array.Shape)
		in[i].shape = (*C.int64_t)(shape)
	}
	var err *C.nm_error
	status := C.nm_model_run(m.model, C.size_t(function), first(in), C.size_t(len(in)),
		first(out), C.size_t(len(out)), nil, &err)
	if err := failed(status, err); err != nil {
		return nil, err
	}
	results := make([]Array, len(out))
	for i := range out {
		data := unsafe.Slice((*byte)(out[i].data), int(out[i].bytes))
		results[i] = Array{DType(out[i].dtype), sizes(out[i].shape, out[i].rank), append([]byte{}, data...)}
		C.nm_value_free(&out[i])
	}
	return results, nil
}
