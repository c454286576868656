/* Part of nm, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * Calls @rows of growing-cache.mlir: two rows into a cache of four, then others
 * that do not fit.
 */
#include "rows.h"
#include <stdio.h>
#include <stdlib.h>

enum { ROOM = 4, WIDTH = 3, ROWS = ROOM * WIDTH };

static float cache[2 * ROWS + WIDTH];
static const float row[2 * WIDTH] = {1, 2, 3, 4, 5, 6}, scale[1] = {1};

static void show(int64_t rows) {
  printf("rows %d:", (int)rows);
  for (int b = 0; b < 2; ++b) {
    for (int i = WIDTH; i < ROWS; ++i)
      if (cache[b * ROWS + i] < 0)
        printf("%s", i % WIDTH ? "" : " .");
      else
        printf(" %g", cache[b * ROWS + i]);
    printf(b ? "\n" : " |");
  }
}

static int64_t call(float *past, int64_t size, int64_t room, int64_t words,
                    const float *rows) {
  int64_t count = -1;
  nm_memref_2d sum;
  if (nm_call_rows(past, size, room, rows, words, scale, &count, &sum)) {
    printf("refused: %s\n", nm_error_rows());
    return -1;
  }
  free(sum.allocated);
  return count;
}

int main(void) {
  for (int i = 0; i < 2 * ROWS + WIDTH; ++i)
    cache[i] = i % ROWS < 2 * WIDTH ? 0 : -1;
  show(call(cache, 2, ROOM, 1, row));
  show(call(cache, 3, ROOM, 1, row));
  call(cache, 4, ROOM, 1, row);
  call(cache, 5, ROOM, 1, row);
  call(cache, 1, ROOM, 1, cache + WIDTH);
  nm_memref_3d past = {
      cache, cache, 0, {2, 1, WIDTH}, {2 * WIDTH + 1, WIDTH, 1}};
  nm_memref_3d new = {
      (void *)row, (void *)row, 0, {2, 1, WIDTH}, {WIDTH, WIDTH, 1}};
  nm_memref_1d factor = {(void *)scale, (void *)scale, 0, {1}, {1}};
  nm_memref_2d sum;
  int64_t count;
  if (nm_ciface_rows(&count, &sum, &past, &new, &factor))
    printf("refused: %s\n", nm_error_rows());
  return 0;
}
