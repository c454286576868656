// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long s64;

#ifdef __bpf__
#define SEC(name) __attribute__((section(name), used))
/* Not static: the verifier looks at each on its own. Weak, so that the compiler
 * passes arguments that are not used. */
#define PIFO_FUNCTION __attribute__((noinline, weak))
/* Nor are variables: the compiler would take structs apart that the kernel
 * wants to know the types of. */
#define PIFO_STATE __attribute__((visibility("hidden")))
/* Tables of 4, 8, 16 or 32 bytes would lie in sections whose constants linkers
 * merge, of which neither BTF nor libbpf knows. */
#define PIFO_TABLE                                                             \
  const __attribute__((visibility("hidden"), section(".rodata")))
static long (*bpf_loop)(u32 turns, void *body, void *context,
                        u64 flags) = (void *)181;
#else
#define SEC(name)
#define PIFO_FUNCTION static __attribute__((noinline))
#define PIFO_STATE static
#define PIFO_TABLE static const
static long bpf_loop(u32 turns, long (*body)(u64, void *), void *context,
                     u64 flags) {
  u64 turn = 0;
  while (turn < turns && body(turn++, context) == 0)
    ;
  return (long)(turn + flags);
}
#endif
#define PIFO_INLINE static inline __attribute__((always_inline, unused))
#define PIFO_NEVER 0x7fffffffffffffffULL

/* An index of an array whose size is a power of two. The compiler must not
 * know that the mask changes nothing: the verifier does not. */
#define PIFO_WITHIN(index, size)                                               \
  ({                                                                           \
    u64 within = (index);                                                      \
    asm volatile("" : "+r"(within));                                           \
    within &((size) - 1);                                                      \
  })
#define PIFO_BITS(value, width) ((u64)(value) & (~0ULL >> (64 - (width))))
#define PIFO_SIGNED(value, width)                                              \
  ((s64)((u64)(value) << (64 - (width))) >> (64 - (width)))

/* A quotient by 0 has all bits set, of signed numbers it is the largest one; a
 * remainder by 0 is the dividend. */
PIFO_INLINE u64 pifo_divide(u64 a, u64 b) { return b ? a / b : ~0ULL; }
PIFO_INLINE u64 pifo_rest_of(u64 a, u64 b) { return b ? a % b : a; }
PIFO_INLINE u64 pifo_size_of(s64 a) { return a < 0 ? 0 - (u64)a : (u64)a; }
PIFO_INLINE u64 pifo_divide_signed(s64 a, s64 b) {
  u64 size;
  if (b == 0)
    return PIFO_NEVER;
  size = pifo_size_of(a) / pifo_size_of(b);
  return (a < 0) != (b < 0) ? 0 - size : size;
}
PIFO_INLINE u64 pifo_rest_of_signed(s64 a, s64 b) {
  u64 size;
  if (b == 0)
    return (u64)a;
  size = pifo_size_of(a) % pifo_size_of(b);
  return a < 0 ? 0 - size : size;
}
