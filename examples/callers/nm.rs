// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//! Compiled models by the C ABI of libnm_runtime (nm/nm_model.h). A file to copy: no crate is needed.

use std::ffi::{c_void, CStr, CString};
use std::fmt;
use std::os::raw::c_char;
use std::ptr::{null, null_mut};

/// The declarations of nm/nm_model.h and nm/Runtime/nm_runtime.h that are used here.
mod c {
    use super::{c_char, c_void};

    #[repr(C)]
    pub struct Model {
        _private: [u8; 0],
    }
    #[repr(C)]
    pub struct Error {
        _private: [u8; 0],
    }
    #[repr(C)]
    pub struct ValueType {
        pub struct_size: usize,
        pub name: *const c_char,
        pub dtype: i32,
        pub rank: usize,
        pub shape: *const i64,
    }
    #[repr(C)]
    pub struct Value {
        pub struct_size: usize,
        pub dtype: i32,
        pub rank: usize,
        pub shape: *const i64,
        pub strides: *const i64,
        pub data: *mut c_void,
        pub bytes: usize,
        pub owner: *mut c_void,
    }
    pub type Describe =
        unsafe extern "C" fn(*const Model, usize, usize, *mut ValueType, *mut *mut Error) -> i32;

    #[link(name = "nm_runtime")]
    extern "C" {
        pub fn nm_error_message(error: *const Error) -> *const c_char;
        pub fn nm_error_free(error: *mut Error);
        pub fn nm_dtype_bytes(dtype: i32) -> usize;
        pub fn nm_dtype_name(dtype: i32) -> *const c_char;
        pub fn nm_model_load(
            path: *const c_char,
            options: *const c_void,
            model: *mut *mut Model,
            error: *mut *mut Error,
        ) -> i32;
        pub fn nm_model_free(model: *mut Model);
        pub fn nm_model_num_outputs(model: *const Model, function: usize) -> usize;
        pub fn nm_model_input(
            model: *const Model,
            function: usize,
            index: usize,
            result: *mut ValueType,
            error: *mut *mut Error,
        ) -> i32;
        pub fn nm_model_output(
            model: *const Model,
            function: usize,
            index: usize,
            result: *mut ValueType,
            error: *mut *mut Error,
        ) -> i32;
        pub fn nm_value_init(value: *mut Value);
        pub fn nm_value_free(value: *mut Value);
        pub fn nm_model_run(
            model: *mut Model,
            function: usize,
            inputs: *const Value,
            num_inputs: usize,
            outputs: *mut Value,
            num_outputs: usize,
            options: *const c_void,
            error: *mut *mut Error,
        ) -> i32;
    }
}

/// What the library refuses, in its words.
#[derive(Debug)]
pub struct Error(pub String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for Error {}

fn check(status: i32, error: *mut c::Error) -> Result<(), Error> {
    if status == 0 {
        return Ok(());
    }
    unsafe {
        let message = text(c::nm_error_message(error));
        c::nm_error_free(error);
        Err(Error(message))
    }
}

unsafe fn text(string: *const c_char) -> String {
    CStr::from_ptr(string).to_string_lossy().into_owned()
}

/// An element type, by its number in nm_dtype.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DType(i32);

impl DType {
    pub fn bytes(self) -> usize {
        unsafe { c::nm_dtype_bytes(self.0) }
    }
}
impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&unsafe { text(c::nm_dtype_name(self.0)) })
    }
}

/// A size that each call chooses.
pub const DYNAMIC: i64 = -1;

/// An input or output of a function.
pub struct ValueType {
    pub name: String,
    pub dtype: DType,
    pub shape: Vec<i64>,
}

/// A row-major array of the caller's: the bytes of its elements.
pub struct Array<'a> {
    pub dtype: DType,
    pub shape: &'a [i64],
    pub data: &'a [u8],
}

/// An array that the library made and takes back.
pub struct Output(c::Value);

impl Output {
    pub fn dtype(&self) -> DType {
        DType(self.0.dtype)
    }
    pub fn shape(&self) -> &[i64] {
        unsafe { slice(self.0.shape, self.0.rank) }
    }
    pub fn data(&self) -> &[u8] {
        unsafe { slice(self.0.data as *const u8, self.0.bytes) }
    }
}
impl Drop for Output {
    fn drop(&mut self) {
        unsafe { c::nm_value_free(&mut self.0) }
    }
}
// Given back on any thread, and only read until then.
unsafe impl Send for Output {}
unsafe impl Sync for Output {}

/// Scalars have no shape and empty arrays no data.
unsafe fn slice<'a, T>(data: *const T, count: usize) -> &'a [T] {
    if count == 0 {
        &[]
    } else {
        std::slice::from_raw_parts(data, count)
    }
}

pub struct Model(*mut c::Model);

// Several threads may run one model at once.
unsafe impl Send for Model {}
unsafe impl Sync for Model {}

impl Model {
    /// A compiled library is code: load none that you would not run.
    pub fn load(path: &str) -> Result<Model, Error> {
        let name = CString::new(path).map_err(|_| Error(format!("{path:?}: a zero in a path")))?;
        let (mut model, mut error) = (null_mut(), null_mut());
        check(unsafe { c::nm_model_load(name.as_ptr(), null(), &mut model, &mut error) }, error)?;
        Ok(Model(model))
    }

    pub fn input(&self, function: usize, index: usize) -> Result<ValueType, Error> {
        self.describe(c::nm_model_input, function, index)
    }

    pub fn output(&self, function: usize, index: usize) -> Result<ValueType, Error> {
        self.describe(c::nm_model_output, function, index)
    }

    pub fn run(&self, function: usize, inputs: &[Array]) -> Result<Vec<Output>, Error> {
        let inputs: Vec<c::Value> = inputs
            .iter()
            .map(|array| c::Value {
                dtype: array.dtype.0,
                rank: array.shape.len(),
                shape: array.shape.as_ptr(),
                data: array.data.as_ptr() as *mut c_void, // is only read
                bytes: array.data.len(),
                ..empty()
            })
            .collect();
        let count = unsafe { c::nm_model_num_outputs(self.0, function) };
        let mut outputs: Vec<c::Value> = (0..count).map(|_| empty()).collect();
        let mut error = null_mut();
        let status = unsafe {
            c::nm_model_run(
                self.0,
                function,
                inputs.as_ptr(),
                inputs.len(),
                outputs.as_mut_ptr(),
                outputs.len(),
                null(),
                &mut error,
            )
        };
        check(status, error)?;
        Ok(outputs.into_iter().map(Output).collect())
    }

    fn describe(&self, query: c::Describe, function: usize, index: usize) -> Result<ValueType, Error> {
        let mut found = c::ValueType {
            struct_size: std::mem::size_of::<c::ValueType>(),
            name: null(),
            dtype: 0,
            rank: 0,
            shape: null(),
        };
        let mut error = null_mut();
        check(unsafe { query(self.0, function, index, &mut found, &mut error) }, error)?;
        unsafe {
            Ok(ValueType {
                name: text(found.name),
                dtype: DType(found.dtype),
                shape: slice(found.shape, found.rank).to_vec(),
            })
        }
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        unsafe { c::nm_model_free(self.0) }
    }
}

fn empty() -> c::Value {
    let mut value = std::mem::MaybeUninit::<c::Value>::zeroed();
    unsafe {
        c::nm_value_init(value.as_mut_ptr());
        let mut value = value.assume_init();
        value.struct_size = std::mem::size_of::<c::Value>();
        value
    }
}
