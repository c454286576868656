/* The public header is C: this file only has to compile and link. */
#include "nm/Runtime/nm_runtime.h"

size_t nm_test_c_header(void) {
  nm_params_options options;
  nm_params_options_init(&options);
  return options.struct_size == sizeof(options) ? nm_dtype_bytes(NM_F32) : 0;
}
