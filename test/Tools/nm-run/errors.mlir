// Every mistake is one line that says what was found, what was expected and what to do, and exit code 1.
// RUN: rm -rf %t && %python %S/Inputs/arrays.py %t x="np.zeros((2, 3), 'f4')" wide="x.astype('f8')" turned="x.T.copy()" \
// RUN:   flat="x.ravel()" off="x + np.float32([[0, 0, 0], [0, 2, 0]])" nan="off * np.nan" i="np.zeros(3, 'i4')" f="np.zeros(3, 'f4')"

// RUN: not nm-run 2>&1 | FileCheck %s --check-prefix=NOTHING
// NOTHING: error: no model; expected an .mlir or .onnx file; see --help
// RUN: not nm-run %t/missing.mlir 2>&1 | FileCheck %s --check-prefix=MISSING
// MISSING: error: cannot read '{{.*}}missing.mlir': No such file or directory
// RUN: not nm-run %s 2>&1 | FileCheck %s --check-prefix=ENTRY
// ENTRY: error: the module has 5 public functions; choose one of 'f', 'g', 'unranked', 'encoded' and 'bits' with --entry
// RUN: not nm-run %s --entry bit 2>&1 | FileCheck %s --check-prefix=NO-ENTRY
// NO-ENTRY: error: no public function 'bit' (did you mean 'bits'?); the module has 'f', 'g', 'unranked', 'encoded' and 'bits'
// RUN: not nm-run %s --entry hidden 2>&1 | FileCheck %s --check-prefix=PRIVATE
// PRIVATE: error: no public function 'hidden'; the module has

// RUN: not nm-run %s --entry f 2>&1 | FileCheck %s --check-prefix=NO-INPUT
// NO-INPUT: error: function 'f' needs argument 0 ('x', tensor<2x3xf32>); give --input x=FILE.npy
// RUN: not nm-run %s --entry f --input %t/x.npy --input %t/x.npy 2>&1 | FileCheck %s --check-prefix=MANY
// MANY: error: '{{.*}}x.npy' is one --input too many: function 'f' takes 1
// RUN: not nm-run %s --entry f --input y=%t/x.npy 2>&1 | FileCheck %s --check-prefix=NAME
// NAME: error: function 'f' has no argument 'y' (did you mean 'x'?); its arguments are 'x'
// RUN: not nm-run %s --entry f --input x=%t/x.npy --input 0=%t/x.npy 2>&1 | FileCheck %s --check-prefix=TWICE
// TWICE: error: argument '0' is given twice
// RUN: not nm-run %s --entry f --input x= 2>&1 | FileCheck %s --check-prefix=NO-PATH
// NO-PATH: error: option '--input' has no path in 'x='
// RUN: not nm-run %s --entry f --input %t/missing.npy 2>&1 | FileCheck %s --check-prefix=NO-NPY
// NO-NPY: error: {{.*}}missing.npy
// RUN: not nm-run %s --entry f --input %s 2>&1 | FileCheck %s --check-prefix=NOT-NPY
// NOT-NPY: error: {{.*}}errors.mlir
// RUN: not nm-run %s --entry f --input %t/wide.npy 2>&1 | FileCheck %s --check-prefix=DTYPE
// DTYPE: error: argument 0 ('x') is tensor<2x3xf32>, but '{{.*}}wide.npy' holds f64; convert it with .astype(numpy.float32)
// RUN: not nm-run %s --entry f --input %t/turned.npy 2>&1 | FileCheck %s --check-prefix=SHAPE
// SHAPE: error: argument 0 ('x') is tensor<2x3xf32>, but '{{.*}}turned.npy' has shape [3, 2]; expected [2, 3]; recompile for that shape, or use '?' in the module
// RUN: not nm-run %s --entry f --input %t/flat.npy 2>&1 | FileCheck %s --check-prefix=RANK
// RANK: has shape [6]; expected [2, 3]; reshape it in NumPy
// RUN: not nm-run %s --entry g --input %t/f.npy 2>&1 | FileCheck %s --check-prefix=BF16
// BF16: error: argument 0 ('x') is tensor<3xbf16>, but '{{.*}}f.npy' holds f32; pass the upper 16 bits of the float32 values as uint16

// RUN: not nm-run %s --entry unranked 2>&1 | FileCheck %s --check-prefix=UNRANKED
// UNRANKED: error: function 'unranked' cannot be run: argument 0 has type tensor<*xf32>, expected a ranked tensor, a memref without layout, or a scalar
// RUN: not nm-run %s --entry encoded 2>&1 | FileCheck %s --check-prefix=ENCODED
// ENCODED: error: function 'encoded' cannot be run: argument 0 has type {{.*}}, an encoded tensor; pass the dense tensor and use 'nm.compress', or make it an 'nm.param'
// RUN: not nm-run %s --entry bits 2>&1 | FileCheck %s --check-prefix=BITS
// BITS: error: function 'bits' cannot be run: argument 0 has type tensor<4xi3>, expected elements of

// RUN: not nm-run %s --entry f --input %t/x.npy --output 1=%t/o.npy 2>&1 | FileCheck %s --check-prefix=RESULT
// RESULT: error: --output '{{.*}}o.npy' asks for result 1, but function 'f' returns 1
// RUN: not nm-run %s --entry f --input %t/x.npy --output y=%t/o.npy 2>&1 | FileCheck %s --check-prefix=RESULT-NAME
// RESULT-NAME: error: --output y={{.*}}o.npy does not name a result; expected a number, such as 0=
// RUN: not nm-run %s --entry f --input %t/x.npy --output %t/no/such/folder/o.npy 2>&1 | FileCheck %s --check-prefix=NO-FOLDER
// NO-FOLDER: error: {{.*}}folder
// RUN: not nm-run %s --entry f --input %t/x.npy --expect %t/off.npy --atol 0.5 --rtol 0 2>&1 | FileCheck %s --check-prefix=WORST
// WORST: result 0: max abs error 2.000e+00, max rel error 1.000e+00 (atol 5.0e-01, rtol 0.0e+00, 6 elements)
// WORST: error: result 0 differs from '{{.*}}off.npy' in 1 of 6 elements; worst at [1, 1]: found 0, expected 2
// RUN: nm-run %s --entry f --input %t/x.npy --expect %t/off.npy --atol 2 --rtol 0
// RUN: not nm-run %s --entry f --input %t/x.npy --expect %t/nan.npy 2>&1 | FileCheck %s --check-prefix=NAN
// NAN: error: the reference '{{.*}}nan.npy' holds NaN at [0, 0]; nothing can be compared with it
// RUN: not nm-run %s --entry f --input %t/x.npy --expect %t/turned.npy 2>&1 | FileCheck %s --check-prefix=EXPECT
// EXPECT: error: the result has shape [2, 3], but '{{.*}}turned.npy' has [3, 2]

// RUN: not nm-run %s --entry f --input %t/x.npy --threads=-1 2>&1 | FileCheck %s --check-prefix=THREADS
// THREADS: error: --threads is '-1'; expected a whole number from 1
// RUN: not nm-run %s --entry f --input %t/x.npy --repeat=0 2>&1 | FileCheck %s --check-prefix=REPEAT
// REPEAT: error: --repeat is '0'; expected a whole number from 1
// RUN: not nm-run %s --entry f --input %t/x.npy --atol=-1 2>&1 | FileCheck %s --check-prefix=ATOL
// ATOL: error: --atol is '-1'; expected a number that is not negative
// RUN: not nm-run %s --entry f --input %t/x.npy --rtol=nan 2>&1 | FileCheck %s --check-prefix=RTOL
// RTOL: error: --rtol is 'nan'; expected a number that is not negative
// RUN: not nm-run %s --entry f --input %t/x.npy --pattern 2:4 2>&1 | FileCheck %s --check-prefix=PATTERN-ALONE
// PATTERN-ALONE: error: --pattern says what to expect in a checkpoint; give one with --params
// RUN: not nm-run %s --entry f --input %t/x.npy --pattern 4:2 --params a 2>&1 | FileCheck %s --check-prefix=PATTERN
// PATTERN: error: pattern '4:2' is out of range; expected 1 <= N <= M <= 64
// RUN: not nm-run %s --entry f --params a --params b 2>&1 | FileCheck %s --check-prefix=SCOPE
// SCOPE: error: --params gives scope '' twice, as 'a' and 'b'; name one: --params NAME=b
// RUN: not nm-run %s --entry f --input %t/x.npy --target-cpu=znver33 2>&1 | FileCheck %s --check-prefix=CPU
// CPU: error: unknown --target-cpu 'znver33'{{.*}}'clang --print-supported-cpus' lists them
// RUN: not nm-run %s --entry f --input %t/x.npy -o %t/a.npy --output %t/b.npy 2>&1 | FileCheck %s --check-prefix=O
// O: error: --output '{{.*}}b.npy' asks for result 1, but function 'f' returns 1
// RUN: not nm-run %s --emit=llvm -o %t/a.ll -o %t/b.ll 2>&1 | FileCheck %s --check-prefix=EMIT-TWO
// EMIT-TWO: error: --emit has one output, but 2 are named; drop all but one --output
// RUN: not nm-run %s --emit=llvm --target=edge 2>&1 | FileCheck %s --check-prefix=EMIT-EDGE
// EMIT-EDGE: error: --emit shows code of processors, but --target=edge is an accelerator; nm-compile --emit=attacc-asm writes its program
// RUN: not nm-run %s --emit=llvm --expect %t/x.npy 2>&1 | FileCheck %s --check-prefix=EMIT-EXPECT
// EMIT-EXPECT: error: --expect needs a run, but --emit only compiles; drop one of them
// RUN: not nm-run %s --entry f --input %t/x.npy --remarks-filter='(' 2>&1 | FileCheck %s --check-prefix=REGEX
// REGEX: error: --remarks-filter '(' is not a regular expression
// RUN: not nm-run %s --entry f --input %t/x.npy --json %t/no/such/report.json 2>&1 | FileCheck %s --check-prefix=JSON
// JSON: error: cannot write '{{.*}}report.json'
// RUN: not nm-run %s --nonsense 2>&1 | FileCheck %s --check-prefix=OPTION
// OPTION: error: unknown option '--nonsense'; nm-run --help lists the options

func.func @f(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  return %x : tensor<2x3xf32>
}
func.func @g(%x: tensor<3xbf16>) -> tensor<3xbf16> {
  return %x : tensor<3xbf16>
}
func.func @unranked(%x: tensor<*xf32>) {
  return
}
func.func @encoded(%x: tensor<4x4xf32, #nm.sparsity<2:4, axis = 1>>) {
  return
}
func.func @bits(%x: tensor<4xi3>) {
  return
}
func.func private @hidden() {
  return
}
