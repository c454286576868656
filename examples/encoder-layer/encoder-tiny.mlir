// One BERT encoder layer as torch-mlir exports it. Written by encoder.py; do not edit.

#map0 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#map1 = affine_map<(d0, d1, d2) -> (d2)>
#map2 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map3 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
#map4 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>
#map5 = affine_map<(d0, d1, d2) -> (d0, d1, 0)>
#map6 = affine_map<(d0, d1, d2) -> (d0, d1)>

func.func @encoder(%x: tensor<1x20x64xf32>) -> tensor<1x20x64xf32> {

  // query
  %query_weight = nm.param "bert.encoder.layer.0.attention.self.query.weight" : tensor<64x64xf32>
  %query_bias = nm.param "bert.encoder.layer.0.attention.self.query.bias" : tensor<64xf32>
  %query_rows = tensor.collapse_shape %x [[0, 1], [2]] : tensor<1x20x64xf32> into tensor<20x64xf32>
  %empty = tensor.empty() : tensor<64x64xf32>
  %query_transposed = linalg.transpose ins(%query_weight : tensor<64x64xf32>) outs(%empty : tensor<64x64xf32>) permutation = [1, 0]
  %zero = arith.constant 0.000000e+00 : f32
  %empty_1 = tensor.empty() : tensor<20x64xf32>
  %filled = linalg.fill ins(%zero : f32) outs(%empty_1 : tensor<20x64xf32>) -> tensor<20x64xf32>
  %query_matmul = linalg.matmul ins(%query_rows, %query_transposed : tensor<20x64xf32>, tensor<64x64xf32>) outs(%filled : tensor<20x64xf32>) -> tensor<20x64xf32>
  %query_expanded = tensor.expand_shape %query_matmul [[0, 1], [2]] output_shape [1, 20, 64] : tensor<20x64xf32> into tensor<1x20x64xf32>
  %empty_2 = tensor.empty() : tensor<1x20x64xf32>
  %query = linalg.generic {indexing_maps = [#map0, #map1, #map0], iterator_types = ["parallel", "parallel", "parallel"]} ins(%query_expanded, %query_bias : tensor<1x20x64xf32>, tensor<64xf32>) outs(%empty_2 : tensor<1x20x64xf32>) {
  ^bb0(%in0: f32, %in1: f32, %out: f32):
    %sum = arith.addf %in0, %in1 : f32
    linalg.yield %sum : f32
  } -> tensor<1x20x64xf32>
  %query_split = tensor.expand_shape %query [[0], [1], [2, 3]] output_shape [1, 20, 4, 16] : tensor<1x20x64xf32> into tensor<1x20x4x16xf32>
  %empty_3 = tensor.empty() : tensor<1x4x20x16xf32>
  %query_heads = linalg.transpose ins(%query_split : tensor<1x20x4x16xf32>) outs(%empty_3 : tensor<1x4x20x16xf32>) permutation = [0, 2, 1, 3]

  // key
  %key_weight = nm.param "bert.encoder.layer.0.attention.self.key.weight" : tensor<64x64xf32>
  %key_bias = nm.param "bert.encoder.layer.0.attention.self.key.bias" : tensor<64xf32>
  %key_transposed = linalg.transpose ins(%key_weight : tensor<64x64xf32>) outs(%empty : tensor<64x64xf32>) permutation = [1, 0]
  %key_matmul = linalg.matmul ins(%query_rows, %key_transposed : tensor<20x64xf32>, tensor<64x64xf32>) outs(%filled : tensor<20x64xf32>) -> tensor<20x64xf32>
  %key_expanded = tensor.expand_shape %key_matmul [[0, 1], [2]] output_shape [1, 20, 64] : tensor<20x64xf32> into tensor<1x20x64xf32>
  %key = linalg.generic {indexing_maps = [#map0, #map1, #map0], iterator_types = ["parallel", "parallel", "parallel"]} ins(%key_expanded, %key_bias : tensor<1x20x64xf32>, tensor<64xf32>) outs(%empty_2 : tensor<1x20x64xf32>) {
  ^bb0(%in0: f32, %in1: f32, %out: f32):
    %sum = arith.addf %in0, %in1 : f32
    linalg.yield %sum : f32
  } -> tensor<1x20x64xf32>
  %key_split = tensor.expand_shape %key [[0], [1], [2, 3]] output_shape [1, 20, 4, 16] : tensor<1x20x64xf32> into tensor<1x20x4x16xf32>
  %key_heads = linalg.transpose ins(%key_split : tensor<1x20x4x16xf32>) outs(%empty_3 : tensor<1x4x20x16xf32>) permutation = [0, 2, 1, 3]

  // value
  %value_weight = nm.param "bert.encoder.layer.0.attention.self.value.weight" : tensor<64x64xf32>
  %value_bias = nm.param "bert.encoder.layer.0.attention.self.value.bias" : tensor<64xf32>
  %value_transposed = linalg.transpose ins(%value_weight : tensor<64x64xf32>) outs(%empty : tensor<64x64xf32>) permutation = [1, 0]
  %value_matmul = linalg.matmul ins(%query_rows, %value_transposed : tensor<20x64xf32>, tensor<64x64xf32>) outs(%filled : tensor<20x64xf32>) -> tensor<20x64xf32>
  %value_expanded = tensor.expand_shape %value_matmul [[0, 1], [2]] output_shape [1, 20, 64] : tensor<20x64xf32> into tensor<1x20x64xf32>
  %value = linalg.generic {indexing_maps = [#map0, #map1, #map0], iterator_types = ["parallel", "parallel", "parallel"]} ins(%value_expanded, %value_bias : tensor<1x20x64xf32>, tensor<64xf32>) outs(%empty_2 : tensor<1x20x64xf32>) {
  ^bb0(%in0: f32, %in1: f32, %out: f32):
    %sum = arith.addf %in0, %in1 : f32
    linalg.yield %sum : f32
  } -> tensor<1x20x64xf32>
  %value_split = tensor.expand_shape %value [[0], [1], [2, 3]] output_shape [1, 20, 4, 16] : tensor<1x20x64xf32> into tensor<1x20x4x16xf32>
  %value_heads = linalg.transpose ins(%value_split : tensor<1x20x4x16xf32>) outs(%empty_3 : tensor<1x4x20x16xf32>) permutation = [0, 2, 1, 3]

  // softmax(Q K^T / sqrt(d)) V
  %empty_4 = tensor.empty() : tensor<1x4x16x20xf32>
  %key_transposed_1 = linalg.transpose ins(%key_heads : tensor<1x4x20x16xf32>) outs(%empty_4 : tensor<1x4x16x20xf32>) permutation = [0, 1, 3, 2]
  %query_batched = tensor.collapse_shape %query_heads [[0, 1], [2], [3]] : tensor<1x4x20x16xf32> into tensor<4x20x16xf32>
  %key_batched = tensor.collapse_shape %key_transposed_1 [[0, 1], [2], [3]] : tensor<1x4x16x20xf32> into tensor<4x16x20xf32>
  %value_batched = tensor.collapse_shape %value_heads [[0, 1], [2], [3]] : tensor<1x4x20x16xf32> into tensor<4x20x16xf32>
  %empty_5 = tensor.empty() : tensor<4x20x20xf32>
  %filled_1 = linalg.fill ins(%zero : f32) outs(%empty_5 : tensor<4x20x20xf32>) -> tensor<4x20x20xf32>
  %scores = linalg.batch_matmul ins(%query_batched, %key_batched : tensor<4x20x16xf32>, tensor<4x16x20xf32>) outs(%filled_1 : tensor<4x20x20xf32>) -> tensor<4x20x20xf32>
  %scores_heads = tensor.expand_shape %scores [[0, 1], [2], [3]] output_shape [1, 4, 20, 20] : tensor<4x20x20xf32> into tensor<1x4x20x20xf32>
  %sqrt_width = arith.constant 4.00000000e+00 : f32
  %empty_6 = tensor.empty() : tensor<1x4x20x20xf32>
  %logits = linalg.generic {indexing_maps = [#map2, #map2], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%scores_heads : tensor<1x4x20x20xf32>) outs(%empty_6 : tensor<1x4x20x20xf32>) {
  ^bb0(%in0: f32, %out: f32):
    %quotient = arith.divf %in0, %sqrt_width : f32
    linalg.yield %quotient : f32
  } -> tensor<1x4x20x20xf32>
  %zero_i64 = arith.constant 0 : i64
  %empty_7 = tensor.empty() : tensor<1x4x20xi64>
  %filled_2 = linalg.fill ins(%zero_i64 : i64) outs(%empty_7 : tensor<1x4x20xi64>) -> tensor<1x4x20xi64>
  %lowest = arith.constant 0xFF800000 : f32
  %empty_8 = tensor.empty() : tensor<1x4x20xf32>
  %filled_3 = linalg.fill ins(%lowest : f32) outs(%empty_8 : tensor<1x4x20xf32>) -> tensor<1x4x20xf32>
  %row_max:2 = linalg.generic {indexing_maps = [#map2, #map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%logits : tensor<1x4x20x20xf32>) outs(%filled_3, %filled_2 : tensor<1x4x20xf32>, tensor<1x4x20xi64>) {
  ^bb0(%in0: f32, %out: f32, %out_index: i64):
    %position = linalg.index 3 : index
    %position_i64 = arith.index_cast %position : index to i64
    %max = arith.maximumf %in0, %out : f32
    %greater = arith.cmpf ogt, %in0, %out : f32
    %index = arith.select %greater, %position_i64, %out_index : i64
    linalg.yield %max, %index : f32, i64
  } -> (tensor<1x4x20xf32>, tensor<1x4x20xi64>)
  %row_max_kept = tensor.expand_shape %row_max#0 [[0], [1], [2, 3]] output_shape [1, 4, 20, 1] : tensor<1x4x20xf32> into tensor<1x4x20x1xf32>
  %shifted = linalg.generic {indexing_maps = [#map2, #map4, #map2], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%logits, %row_max_kept : tensor<1x4x20x20xf32>, tensor<1x4x20x1xf32>) outs(%empty_6 : tensor<1x4x20x20xf32>) {
  ^bb0(%in0: f32, %in1: f32, %out: f32):
    %difference = arith.subf %in0, %in1 : f32
    linalg.yield %difference : f32
  } -> tensor<1x4x20x20xf32>
  %exponential = linalg.generic {indexing_maps = [#map2, #map2], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%shifted : tensor<1x4x20x20xf32>) outs(%empty_6 : tensor<1x4x20x20xf32>) {
  ^bb0(%in0: f32, %out: f32):
    %exp = math.exp %in0 : f32
    linalg.yield %exp : f32
  } -> tensor<1x4x20x20xf32>
  %empty_9 = tensor.empty() : tensor<1x4x20x1xf32>
  %filled_4 = linalg.fill ins(%zero : f32) outs(%empty_9 : tensor<1x4x20x1xf32>) -> tensor<1x4x20x1xf32>
  %row_sum = linalg.generic {indexing_maps = [#map2, #map4], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%exponential : tensor<1x4x20x20xf32>) outs(%filled_4 : tensor<1x4x20x1xf32>) {
  ^bb0(%in0: f32, %out: f32):
    %sum = arith.addf %in0, %out : f32
    linalg.yield %sum : f32
  } -> tensor<1x4x20x1xf32>
  %probabilities = linalg.generic {indexing_maps = [#map2, #map4, #map2], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%exponential, %row_sum : tensor<1x4x20x20xf32>, tensor<1x4x20x1xf32>) outs(%empty_6 : tensor<1x4x20x20xf32>) {
  ^bb0(%in0: f32, %in1: f32, %out: f32):
    %quotient = arith.divf %in0, %in1 : f32
    linalg.yield %quotient : f32
  } -> tensor<1x4x20x20xf32>
  %probabilities_batched = tensor.collapse_shape %probabilities [[0, 1], [2], [3]] : tensor<1x4x20x20xf32> into tensor<4x20x20xf32>
  %empty_10 = tensor.empty() : tensor<4x20x16xf32>
  %filled_5 = linalg.fill ins(%zero : f32) outs(%empty_10 : tensor<4x20x16xf32>) -> tensor<4x20x16xf32>
  %context = linalg.batch_matmul ins(%probabilities_batched, %value_batched : tensor<4x20x20xf32>, tensor<4x20x16xf32>) outs(%filled_5 : tensor<4x20x16xf32>) -> tensor<4x20x16xf32>
  %context_heads = tensor.expand_shape %context [[0, 1], [2], [3]] output_shape [1, 4, 20, 16] : tensor<4x20x16xf32> into tensor<1x4x20x16xf32>
  %empty_11 = tensor.empty() : tensor<1x20x4x16xf32>
  %context_joined = linalg.transpose ins(%context_heads : tensor<1x4x20x16xf32>) outs(%empty_11 : tensor<1x20x4x16xf32>) permutation = [0, 2, 1, 3]

  // attention output, residual, LayerNorm
  %attention_weight = nm.param "bert.encoder.layer.0.attention.output.dense.weight" : tensor<64x64xf32>
  %attention_bias = nm.param "bert.encoder.layer.0.attention.output.dense.bias" : tensor<64xf32>
  %attention_rows = tensor.collapse_shape %context_joined [[0, 1], [2, 3]] : tensor<1x20x4x16xf32> into tensor<20x64xf32>
  %attention_transposed = linalg.transpose ins(%attention_weight : tensor<64x64xf32>) outs(%empty : tensor<64x64xf32>) permutation = [1, 0]
  %attention_matmul = linalg.matmul ins(%attention_rows, %attention_transposed : tensor<20x64xf32>, tensor<64x64xf32>) outs(%filled : tensor<20x64xf32>) -> tensor<20x64xf32>
  %attention_expanded = tensor.expand_shape %attention_matmul [[0, 1], [2]] output_shape [1, 20, 64] : tensor<20x64xf32> into tensor<1x20x64xf32>
  %attention = linalg.generic {indexing_maps = [#map0, #map1, #map0], iterator_types = ["parallel", "parallel", "parallel"]} ins(%attention_expanded, %attention_bias : tensor<1x20x64xf32>, tensor<64xf32>) outs(%empty_2 : tensor<1x20x64xf32>) {
  ^bb0(%in0: f32, %in1: f32, %out: f32):
    %sum = arith.addf %in0, %in1 : f32
    linalg.yield %sum : f32
  } -> tensor<1x20x64xf32>
  %attention_residual = linalg.generic {indexing_maps = [#map0, #map0, #map0], iterator_types = ["parallel", "parallel", "parallel"]} ins(%attention, %x : tensor<1x20x64xf32>, tensor<1x20x64xf32>) outs(%empty_2 : tensor<1x20x64xf32>) {
  ^bb0(%in0: f32, %in1: f32, %out: f32):
    %sum = arith.addf %in0, %in1 : f32
    linalg.yield %sum : f32
  } -> tensor<1x20x64xf32>
  %attention_norm_gamma = nm.param "bert.encoder.layer.0.attention.output.LayerNorm.weight" : tensor<64xf32>
  %attention_norm_beta = nm.param "bert.encoder.layer.0.attention.output.LayerNorm.bias" : tensor<64xf32>
  %hidden = arith.constant 6.40000000e+01 : f32
  %empty_12 = tensor.empty() : tensor<1x20x1xf32>
  %filled_6 = linalg.fill ins(%zero : f32) outs(%empty_12 : tensor<1x20x1xf32>) -> tensor<1x20x1xf32>
  %total = linalg.generic {indexing_maps = [#map0, #map5], iterator_types = ["parallel", "parallel", "reduction"]} ins(%attention_residual : tensor<1x20x64xf32>) outs(%filled_6 : tensor<1x20x1xf32>) {
  ^bb0(%in0: f32, %out: f32):
    %sum = arith.addf %in0, %out : f32
    linalg.yield %sum : f32
  } -> tensor<1x20x1xf32>
  %mean = linalg.generic {indexing_maps = [#map0, #map0], iterator_types = ["parallel", "parallel", "parallel"]} ins(%total : tensor<1x20x1xf32>) outs(%empty_12 : tensor<1x20x1xf32>) {
  ^bb0(%in0: f32, %out: f32):
    %quotient = arith.divf %in0, %hidden : f32
    linalg.yield %quotient : f32
  } -> tensor<1x20x1xf32>
  %mean_flat = tensor.collapse_shape %mean [[0], [1, 2]] : tensor<1x20x1xf32> into tensor<1x20xf32>
  %mean_spread = linalg.generic {indexing_maps = [#map6, #map0], iterator_types = ["parallel", "parallel", "parallel"]} ins(%mean_flat : tensor<1x20xf32>) outs(%empty_2 : tensor<1x20x64xf32>) {
  ^bb0(%in0: f32, %out: f32):
    linalg.yield %in0 : f32
  } -> tensor<1x20x64xf32>
  %centred = linalg.generic {indexing_maps = [#map0, #map0, #map0], iterator_types = ["parallel", "parallel", "parallel"]} ins(%attention_residual, %mean_spread : tensor<1x20x64xf32>, tensor<1x20x64xf32>) outs(%empty_2 : tensor<1x20x64xf32>) {
  ^bb0(%in0: f32, %in1: f32, %out: f32):
    %difference = arith.subf %in0, %in1 : f32
    linalg.yield %difference : f32
  } -> tensor<1x20x64xf32>
  %square = linalg.generic {indexing_maps = [#map0, #map0, #map0], iterator_types = ["parallel", "parallel", "parallel"]} ins(%centred, %centred : tensor<1x20x64xf32>, tensor<1x20x64xf32>) outs(%empty_2 : tensor<1x20x64xf32>) {
  ^bb0(%in0: f32, %in1: f32, %out: f32):
    %product = arith.mulf %in0, %in1 : f32
    linalg.yield %product : f32
  } -> tensor<1x20x64xf32>
  %square_total = linalg.generic {indexing_maps = [#map0, #map5], iterator_types = ["parallel", "parallel", "reduction"]} ins(%square : tensor<1x20x64xf32>) outs(%filled_6 : tensor<1x20x1xf32>) {
  ^bb0(%in0: f32, %out: f32):
    %sum = arith.addf %in0, %out : f32
    linalg.yield %sum : f32
  } -> tensor<1x20x1xf32>
  %variance = linalg.generic {indexing_maps = [#map0, #map0], iterator_types = ["parallel", "parallel", "parallel"]} ins(%square_total : tensor<1x20x1xf32>) outs(%empty_12 : tensor<1x20x1xf32>) {
  ^bb0(%in0: f32, %out: f32):
    %quotient = arith.divf %in0, %hidden : f32
    linalg.yield %quotient : f32
  } -> tensor<1x20x1xf32>
  %eps = arith.constant 1.000000e-12 : f64
  %variance_eps = linalg.generic {indexing_maps = [#map0, #map0], iterator_types = ["parallel", "parallel", "parallel"]} ins(%variance : tensor<1x20x1xf32>) outs(%empty_12 : tensor<1x20x1xf32>) {
  ^bb0(%in0: f32, %out: f32):
    %narrow = arith.truncf %eps : f64 to f32
    %sum = arith.addf %in0, %narrow : f32
    linalg.yield %sum : f32
  } -> tensor<1x20x1xf32>
  %inverse = linalg.generic {indexing_maps = [#map0, #map0], iterator_types = ["parallel", "parallel", "parallel"]} ins(%variance_eps : tensor<1x20x1xf32>) outs(%empty_12 : tensor<1x20x1xf32>) {
  ^bb0(%in0: f32, %out: f32):
    %rsqrt = math.rsqrt %in0 : f32
    linalg.yield %rsqrt : f32
  } -> tensor<1x20x1xf32>
  %inverse_flat = tensor.collapse_shape %inverse [[0], [1, 2]] : tensor<1x20x1xf32> into tensor<1x20xf32>
  %inverse_spread = linalg.generic {indexing_maps = [#map6, #map0], iterator_types = ["parallel", "parallel", "parallel"]} ins(%inverse_flat : tensor<1x20xf32>) outs(%empty_2 : tensor<1x20x64xf32>) {
  ^bb0(%in0: f32, %out: f32):
    linalg.yield %in0 : f32
  } -> tensor<1x20x64xf32>
  %normalized = linalg.generic {indexing_maps = [#map0, #map0, #map0], iterator_types = ["parallel", "parallel", "parallel"]} ins(%centred, %inverse_spread : tensor<1x20x64xf32>, tensor<1x20x64xf32>) outs(%empty_2 : tensor<1x20x64xf32>) {
  ^bb0(%in0: f32, %in1: f32, %out: f32):
    %product = arith.mulf %in0, %in1 : f32
    linalg.yield %product : f32
  } -> tensor<1x20x64xf32>
  %scaled = linalg.generic {indexing_maps = [#map0, #map1, #map0], iterator_types = ["parallel", "parallel", "parallel"]} ins(%normalized, %attention_norm_gamma : tensor<1x20x64xf32>, tensor<64xf32>) outs(%empty_2 : tensor<1x20x64xf32>) {
  ^bb0(%in0: f32, %in1: f32, %out: f32):
    %product = arith.mulf %in0, %in1 : f32
    linalg.yield %product : f32
  } -> tensor<1x20x64xf32>
  %attention_norm = linalg.generic {indexing_maps = [#map0, #map1, #map0], iterator_types = ["parallel", "parallel", "parallel"]} ins(%scaled, %attention_norm_beta : tensor<1x20x64xf32>, tensor<64xf32>) outs(%empty_2 : tensor<1x20x64xf32>) {
  ^bb0(%in0: f32, %in1: f32, %out: f32):
    %sum = arith.addf %in0, %in1 : f32
    linalg.yield %sum : f32
  } -> tensor<1x20x64xf32>

  // feed-forward network
  %inner_weight = nm.param "bert.encoder.layer.0.intermediate.dense.weight" : tensor<256x64xf32>
  %inner_bias = nm.param "bert.encoder.layer.0.intermediate.dense.bias" : tensor<256xf32>
  %inner_rows = tensor.collapse_shape %attention_norm [[0, 1], [2]] : tensor<1x20x64xf32> into tensor<20x64xf32>
  %empty_13 = tensor.empty() : tensor<64x256xf32>
  %inner_transposed = linalg.transpose ins(%inner_weight : tensor<256x64xf32>) outs(%empty_13 : tensor<64x256xf32>) permutation = [1, 0]
  %empty_14 = tensor.empty() : tensor<20x256xf32>
  %filled_7 = linalg.fill ins(%zero : f32) outs(%empty_14 : tensor<20x256xf32>) -> tensor<20x256xf32>
  %inner_matmul = linalg.matmul ins(%inner_rows, %inner_transposed : tensor<20x64xf32>, tensor<64x256xf32>) outs(%filled_7 : tensor<20x256xf32>) -> tensor<20x256xf32>
  %inner_expanded = tensor.expand_shape %inner_matmul [[0, 1], [2]] output_shape [1, 20, 256] : tensor<20x256xf32> into tensor<1x20x256xf32>
  %empty_15 = tensor.empty() : tensor<1x20x256xf32>
  %inner = linalg.generic {indexing_maps = [#map0, #map1, #map0], iterator_types = ["parallel", "parallel", "parallel"]} ins(%inner_expanded, %inner_bias : tensor<1x20x256xf32>, tensor<256xf32>) outs(%empty_15 : tensor<1x20x256xf32>) {
  ^bb0(%in0: f32, %in1: f32, %out: f32):
    %sum = arith.addf %in0, %in1 : f32
    linalg.yield %sum : f32
  } -> tensor<1x20x256xf32>
  %sqrt2 = arith.constant 1.41421356e+00 : f32
  %one = arith.constant 1.00000000e+00 : f32
  %half = arith.constant 5.00000000e-01 : f32
  %gelu = linalg.generic {indexing_maps = [#map0, #map0], iterator_types = ["parallel", "parallel", "parallel"]} ins(%inner : tensor<1x20x256xf32>) outs(%empty_15 : tensor<1x20x256xf32>) {
  ^bb0(%in0: f32, %out: f32):
    %scaled_in = arith.divf %in0, %sqrt2 : f32
    %erf = math.erf %scaled_in : f32
    %erf_one = arith.addf %erf, %one : f32
    %cdf = arith.mulf %erf_one, %half : f32
    %product = arith.mulf %in0, %cdf : f32
    linalg.yield %product : f32
  } -> tensor<1x20x256xf32>
  %outer_weight = nm.param "bert.encoder.layer.0.output.dense.weight" : tensor<64x256xf32>
  %outer_bias = nm.param "bert.encoder.layer.0.output.dense.bias" : tensor<64xf32>
  %outer_rows = tensor.collapse_shape %gelu [[0, 1], [2]] : tensor<1x20x256xf32> into tensor<20x256xf32>
  %empty_16 = tensor.empty() : tensor<256x64xf32>
  %outer_transposed = linalg.transpose ins(%outer_weight : tensor<64x256xf32>) outs(%empty_16 : tensor<256x64xf32>) permutation = [1, 0]
  %outer_matmul = linalg.matmul ins(%outer_rows, %outer_transposed : tensor<20x256xf32>, tensor<256x64xf32>) outs(%filled : tensor<20x64xf32>) -> tensor<20x64xf32>
  %outer_expanded = tensor.expand_shape %outer_matmul [[0, 1], [2]] output_shape [1, 20, 64] : tensor<20x64xf32> into tensor<1x20x64xf32>
  %outer = linalg.generic {indexing_maps = [#map0, #map1, #map0], iterator_types = ["parallel", "parallel", "parallel"]} ins(%outer_expanded, %outer_bias : tensor<1x20x64xf32>, tensor<64xf32>) outs(%empty_2 : tensor<1x20x64xf32>) {
  ^bb0(%in0: f32, %in1: f32, %out: f32):
    %sum = arith.addf %in0, %in1 : f32
    linalg.yield %sum : f32
  } -> tensor<1x20x64xf32>
  %outer_residual = linalg.generic {indexing_maps = [#map0, #map0, #map0], iterator_types = ["parallel", "parallel", "parallel"]} ins(%outer, %attention_norm : tensor<1x20x64xf32>, tensor<1x20x64xf32>) outs(%empty_2 : tensor<1x20x64xf32>) {
  ^bb0(%in0: f32, %in1: f32, %out: f32):
    %sum = arith.addf %in0, %in1 : f32
    linalg.yield %sum : f32
  } -> tensor<1x20x64xf32>
  %outer_norm_gamma = nm.param "bert.encoder.layer.0.output.LayerNorm.weight" : tensor<64xf32>
  %outer_norm_beta = nm.param "bert.encoder.layer.0.output.LayerNorm.bias" : tensor<64xf32>
  %total_1 = linalg.generic {indexing_maps = [#map0, #map5], iterator_types = ["parallel", "parallel", "reduction"]} ins(%outer_residual : tensor<1x20x64xf32>) outs(%filled_6 : tensor<1x20x1xf32>) {
  ^bb0(%in0: f32, %out: f32):
    %sum = arith.addf %in0, %out : f32
    linalg.yield %sum : f32
  } -> tensor<1x20x1xf32>
  %mean_1 = linalg.generic {indexing_maps = [#map0, #map0], iterator_types = ["parallel", "parallel", "parallel"]} ins(%total_1 : tensor<1x20x1xf32>) outs(%empty_12 : tensor<1x20x1xf32>) {
  ^bb0(%in0: f32, %out: f32):
    %quotient = arith.divf %in0, %hidden : f32
    linalg.yield %quotient : f32
  } -> tensor<1x20x1xf32>
  %mean_flat_1 = tensor.collapse_shape %mean_1 [[0], [1, 2]] : tensor<1x20x1xf32> into tensor<1x20xf32>
  %mean_spread_1 = linalg.generic {indexing_maps = [#map6, #map0], iterator_types = ["parallel", "parallel", "parallel"]} ins(%mean_flat_1 : tensor<1x20xf32>) outs(%empty_2 : tensor<1x20x64xf32>) {
  ^bb0(%in0: f32, %out: f32):
    linalg.yield %in0 : f32
  } -> tensor<1x20x64xf32>
  %centred_1 = linalg.generic {indexing_maps = [#map0, #map0, #map0], iterator_types = ["parallel", "parallel", "parallel"]} ins(%outer_residual, %mean_spread_1 : tensor<1x20x64xf32>, tensor<1x20x64xf32>) outs(%empty_2 : tensor<1x20x64xf32>) {
  ^bb0(%in0: f32, %in1: f32, %out: f32):
    %difference = arith.subf %in0, %in1 : f32
    linalg.yield %difference : f32
  } -> tensor<1x20x64xf32>
  %square_1 = linalg.generic {indexing_maps = [#map0, #map0, #map0], iterator_types = ["parallel", "parallel", "parallel"]} ins(%centred_1, %centred_1 : tensor<1x20x64xf32>, tensor<1x20x64xf32>) outs(%empty_2 : tensor<1x20x64xf32>) {
  ^bb0(%in0: f32, %in1: f32, %out: f32):
    %product = arith.mulf %in0, %in1 : f32
    linalg.yield %product : f32
  } -> tensor<1x20x64xf32>
  %square_total_1 = linalg.generic {indexing_maps = [#map0, #map5], iterator_types = ["parallel", "parallel", "reduction"]} ins(%square_1 : tensor<1x20x64xf32>) outs(%filled_6 : tensor<1x20x1xf32>) {
  ^bb0(%in0: f32, %out: f32):
    %sum = arith.addf %in0, %out : f32
    linalg.yield %sum : f32
  } -> tensor<1x20x1xf32>
  %variance_1 = linalg.generic {indexing_maps = [#map0, #map0], iterator_types = ["parallel", "parallel", "parallel"]} ins(%square_total_1 : tensor<1x20x1xf32>) outs(%empty_12 : tensor<1x20x1xf32>) {
  ^bb0(%in0: f32, %out: f32):
    %quotient = arith.divf %in0, %hidden : f32
    linalg.yield %quotient : f32
  } -> tensor<1x20x1xf32>
  %variance_eps_1 = linalg.generic {indexing_maps = [#map0, #map0], iterator_types = ["parallel", "parallel", "parallel"]} ins(%variance_1 : tensor<1x20x1xf32>) outs(%empty_12 : tensor<1x20x1xf32>) {
  ^bb0(%in0: f32, %out: f32):
    %narrow = arith.truncf %eps : f64 to f32
    %sum = arith.addf %in0, %narrow : f32
    linalg.yield %sum : f32
  } -> tensor<1x20x1xf32>
  %inverse_1 = linalg.generic {indexing_maps = [#map0, #map0], iterator_types = ["parallel", "parallel", "parallel"]} ins(%variance_eps_1 : tensor<1x20x1xf32>) outs(%empty_12 : tensor<1x20x1xf32>) {
  ^bb0(%in0: f32, %out: f32):
    %rsqrt = math.rsqrt %in0 : f32
    linalg.yield %rsqrt : f32
  } -> tensor<1x20x1xf32>
  %inverse_flat_1 = tensor.collapse_shape %inverse_1 [[0], [1, 2]] : tensor<1x20x1xf32> into tensor<1x20xf32>
  %inverse_spread_1 = linalg.generic {indexing_maps = [#map6, #map0], iterator_types = ["parallel", "parallel", "parallel"]} ins(%inverse_flat_1 : tensor<1x20xf32>) outs(%empty_2 : tensor<1x20x64xf32>) {
  ^bb0(%in0: f32, %out: f32):
    linalg.yield %in0 : f32
  } -> tensor<1x20x64xf32>
  %normalized_1 = linalg.generic {indexing_maps = [#map0, #map0, #map0], iterator_types = ["parallel", "parallel", "parallel"]} ins(%centred_1, %inverse_spread_1 : tensor<1x20x64xf32>, tensor<1x20x64xf32>) outs(%empty_2 : tensor<1x20x64xf32>) {
  ^bb0(%in0: f32, %in1: f32, %out: f32):
    %product = arith.mulf %in0, %in1 : f32
    linalg.yield %product : f32
  } -> tensor<1x20x64xf32>
  %scaled_1 = linalg.generic {indexing_maps = [#map0, #map1, #map0], iterator_types = ["parallel", "parallel", "parallel"]} ins(%normalized_1, %outer_norm_gamma : tensor<1x20x64xf32>, tensor<64xf32>) outs(%empty_2 : tensor<1x20x64xf32>) {
  ^bb0(%in0: f32, %in1: f32, %out: f32):
    %product = arith.mulf %in0, %in1 : f32
    linalg.yield %product : f32
  } -> tensor<1x20x64xf32>
  %outer_norm = linalg.generic {indexing_maps = [#map0, #map1, #map0], iterator_types = ["parallel", "parallel", "parallel"]} ins(%scaled_1, %outer_norm_beta : tensor<1x20x64xf32>, tensor<64xf32>) outs(%empty_2 : tensor<1x20x64xf32>) {
  ^bb0(%in0: f32, %in1: f32, %out: f32):
    %sum = arith.addf %in0, %in1 : f32
    linalg.yield %sum : f32
  } -> tensor<1x20x64xf32>

  return %outer_norm : tensor<1x20x64xf32>
}
