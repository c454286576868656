/*===- decode.c - words from a decoder, by the C ABI -------------------------===
 *
 * Part of nm, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===------------------------------------------------------------------------===
 *
 * usage: decode prompt.so token.so COUNT vocabulary WORD...
 *
 * Two libraries of one model: `prompt.so` takes the words of a prompt and no
 * cache, `token.so` one word and the caches of all before it. Their inputs are
 * words [1, length], positions [1, length] and caches, their outputs logits
 * [1, length, words] and the caches that grew, in the order of the inputs and in
 * their memory (nm-compile --in-place), which has room for all words. The
 * vocabulary has a word a line. The likeliest word follows: who wants to draw
 * one does it in `choose`.
 */
#include "nm/nm_model.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_CACHES = 256, MOST_WORDS = 4096, MOST_DIMENSIONS = 8 };

static void fail(const char *what, const char *why) {
  fprintf(stderr, "error: %s%s%s\n", what, *why ? ": " : "", why);
  exit(1);
}

static void check(nm_status status, const char *what, nm_error *error) {
  if (status != NM_OK)
    fail(what, nm_error_message(error));
}

/* -- the vocabulary -------------------------------------------------------- */

typedef struct {
  char *text; /* lines, each ended by 0 */
  char **words;
  int64_t count;
} vocabulary;

static vocabulary read_vocabulary(const char *path) {
  vocabulary result = {NULL, NULL, 0};
  size_t bytes = 0, room = 0;
  FILE *file = fopen(path, "rb");
  if (!file)
    fail(path, "cannot be read");
  do {
    room = room ? 2 * room : 1 << 16;
    result.text = realloc(result.text, room);
    if (!result.text)
      fail(path, "out of memory");
    bytes += fread(result.text + bytes, 1, room - bytes - 1, file);
  } while (bytes == room - 1);
  fclose(file);
  result.text[bytes] = 0;
  result.words = malloc((bytes + 1) * sizeof(char *));
  if (!result.words)
    fail(path, "out of memory");
  for (char *line = strtok(result.text, "\r\n"); line;
       line = strtok(NULL, "\r\n"))
    result.words[result.count++] = line;
  return result;
}

static int64_t number_of(const vocabulary *known, const char *word) {
  for (int64_t i = 0; i < known->count; ++i)
    if (strcmp(known->words[i], word) == 0)
      return i;
  fail(word, "not in the vocabulary");
  return -1;
}

/* -- the model ------------------------------------------------------------- */

typedef struct {
  nm_model *model;
  size_t caches;
} decoder;

static decoder load(const char *path) {
  decoder result = {NULL, 0};
  nm_error *error = NULL;
  check(nm_model_load(path, NULL, &result.model, &error), path, error);
  size_t inputs = nm_model_num_inputs(result.model, 0);
  if (inputs < 2 || inputs - 2 > MOST_CACHES ||
      nm_model_num_outputs(result.model, 0) != inputs - 1)
    fail(path, "expected inputs words, positions and caches, and outputs "
               "logits and as many caches");
  result.caches = inputs - 2;
  return result;
}

/* A cache: `shape` is what is in use, `strides` are those of the whole memory,
 * which has more rows in dimension `grows`. */
typedef struct {
  nm_value value;
  size_t grows;
  int64_t shape[MOST_DIMENSIONS], strides[MOST_DIMENSIONS];
} cache;

/* The cache that output `index` of a model is, empty, with room for `room`
 * words. */
static void make_cache(const decoder *code, size_t index, int64_t room,
                       cache *result) {
  nm_value_type type = {sizeof(type), NULL, NM_F32, 0, NULL};
  nm_error *error = NULL;
  check(nm_model_output(code->model, 0, index, &type, &error), "caches", error);
  check(nm_model_output_grows(code->model, 0, index, &result->grows, &error),
        "caches", error);
  if (result->grows == NM_NOWHERE || type.rank > MOST_DIMENSIONS ||
      type.dtype != NM_F32)
    fail(type.name, "expected a cache of f32 that grows in its input's memory");
  int64_t elements = 1;
  for (size_t d = type.rank; d-- > 0;) {
    result->shape[d] = d == result->grows ? 0 : type.shape[d];
    result->strides[d] = elements;
    if (result->shape[d] == NM_DYNAMIC_SIZE)
      fail(type.name, "expected sizes that are known but for the words'");
    elements *= d == result->grows ? room : type.shape[d];
  }
  nm_value_init(&result->value);
  result->value.dtype = type.dtype;
  result->value.rank = type.rank;
  result->value.shape = result->shape;
  result->value.strides = result->strides;
  result->value.bytes = (size_t)elements * sizeof(float);
  result->value.data = calloc((size_t)elements, sizeof(float));
  if (!result->value.data)
    fail(type.name, "out of memory");
}

static int64_t choose(const float *logits, int64_t count) {
  int64_t best = 0;
  for (int64_t i = 1; i < count; ++i)
    if (logits[i] > logits[best])
      best = i;
  return best;
}

/* Runs `length` words from position `first` on, which are added to `caches`.
 * Returns the word that follows. */
static int64_t step(const decoder *code, const int64_t *words, int64_t length,
                    int64_t first, cache *caches) {
  nm_value inputs[2 + MOST_CACHES], outputs[1 + MOST_CACHES];
  int64_t shape[2] = {1, 0}, positions[MOST_WORDS];
  nm_error *error = NULL;
  shape[1] = length;
  for (int64_t i = 0; i < length; ++i)
    positions[i] = first + i;
  for (size_t i = 0; i < 2; ++i) {
    nm_value_init(&inputs[i]);
    inputs[i].dtype = NM_I64;
    inputs[i].rank = 2;
    inputs[i].shape = shape;
    inputs[i].data = (void *)(i ? positions : words);
    inputs[i].bytes = (size_t)length * sizeof(int64_t);
  }
  for (size_t i = 0; i < code->caches; ++i)
    inputs[2 + i] = caches[i].value;
  for (size_t i = 0; i <= code->caches; ++i)
    nm_value_init(&outputs[i]);
  check(nm_model_run(code->model, 0, inputs, 2 + code->caches, outputs,
                     1 + code->caches, NULL, &error),
        "the model", error);
  for (size_t i = 0; i < code->caches; ++i) {
    caches[i].shape[caches[i].grows] = outputs[1 + i].shape[caches[i].grows];
    nm_value_free(&outputs[1 + i]); /* its shape; the memory is the cache's */
  }
  if (outputs[0].dtype != NM_F32 || outputs[0].rank != 3)
    fail("logits", "expected [1, length, words] of f32");
  int64_t count = outputs[0].shape[2];
  int64_t next =
      choose((const float *)outputs[0].data + (length - 1) * count, count);
  nm_value_free(&outputs[0]);
  return next;
}

static double seconds(void) {
  struct timespec now;
  timespec_get(&now, TIME_UTC);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int main(int argc, char **argv) {
  if (argc < 6) {
    fprintf(stderr,
            "usage: decode prompt.so token.so COUNT vocabulary WORD...\n");
    return 1;
  }
  decoder prompt = load(argv[1]), token = load(argv[2]);
  if (prompt.caches != token.caches)
    fail(argv[2], "another number of caches than in the prompt's library");
  char *end = NULL;
  int64_t count = strtol(argv[3], &end, 10), length = argc - 5;
  if (*end || count < 1 || count + length > MOST_WORDS)
    fail(argv[3], "expected how many words to write, from 1 on");
  vocabulary known = read_vocabulary(argv[4]);
  int64_t words[MOST_WORDS];
  for (int64_t i = 0; i < length; ++i)
    words[i] = number_of(&known, argv[5 + i]);
  static cache caches[MOST_CACHES];
  for (size_t i = 0; i < prompt.caches; ++i)
    make_cache(&token, 1 + i, length + count, &caches[i]);

  double start = seconds();
  int64_t next = step(&prompt, words, length, 0, caches);
  double first = seconds();
  for (int64_t i = 0; i < count; ++i) {
    if (next >= known.count)
      fail(argv[4], "has fewer words than the model");
    printf("%s%c", known.words[next], i + 1 < count ? ' ' : '\n');
    fflush(stdout);
    if (i + 1 < count)
      next = step(&token, &next, 1, length + i, caches);
  }
  fprintf(stderr, "prompt of %d words in %.1f ms", (int)length,
          (first - start) * 1e3);
  if (count > 1)
    fprintf(stderr, ", then %.1f words a second",
            (double)(count - 1) / (seconds() - first));
  fprintf(stderr, "\n");
  for (size_t i = 0; i < prompt.caches; ++i)
    free(caches[i].value.data);
  nm_model_free(prompt.model);
  nm_model_free(token.model);
  free(known.words);
  free(known.text);
  return 0;
}
