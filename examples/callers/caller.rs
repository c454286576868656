// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//! usage: caller MODEL INPUT OUTPUT
//! As caller.c: the first function of a model on the bare elements of a file.

mod nm;

use std::error::Error;
use std::{env, fs, process};

/// The shape of `of` with the open size that holds all `bytes`.
fn close_shape(of: &nm::ValueType, bytes: usize) -> Vec<i64> {
    let fixed: i64 = of.shape.iter().filter(|&&size| size != nm::DYNAMIC).product();
    let part = fixed * of.dtype.bytes() as i64;
    let whole = |&size: &i64| if size == nm::DYNAMIC && part > 0 { (bytes as i64 + part - 1) / part } else { size };
    of.shape.iter().map(whole).collect()
}

fn run(model: &str, input: &str, output: &str) -> Result<(), Box<dyn Error>> {
    let data = fs::read(input).map_err(|error| format!("{input}: {error}"))?;
    let model = nm::Model::load(model)?;
    let (x, y) = (model.input(0, 0)?, model.output(0, 0)?);
    let shape = close_shape(&x, data.len());
    let results = model.run(0, &[nm::Array { dtype: x.dtype, shape: &shape, data: &data }])?;
    println!("{}: {} {:?}", x.name, x.dtype, shape);
    println!("{}: {} {:?}", y.name, results[0].dtype(), results[0].shape());
    fs::write(output, results[0].data()).map_err(|error| format!("{output}: {error}"))?;
    Ok(())
}

fn main() {
    let arguments: Vec<String> = env::args().collect();
    let done = match &arguments[..] {
        [_, model, input, output] => run(model, input, output),
        _ => Err("usage: caller MODEL INPUT OUTPUT".into()),
    };
    if let Err(error) = done {
        eprintln!("error: {error}");
        process::exit(1);
    }
}
