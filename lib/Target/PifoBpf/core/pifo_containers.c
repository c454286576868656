// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

/* ---- Packets: slots with numbers; 0 is none. */

PIFO_STATE struct pifo_packet pifo_packets[PIFO_SLOTS];
/* Of a free or dropped packet, the next one. */
PIFO_STATE u32 pifo_next[PIFO_SLOTS];
PIFO_STATE u32 pifo_free, pifo_used;

PIFO_INLINE struct pifo_packet *pifo_packet(u32 slot) {
  return &pifo_packets[PIFO_WITHIN(slot, PIFO_SLOTS)];
}

/* There is one: slots are as many as packets and walks, and one that comes. */
PIFO_INLINE u32 pifo_take_slot(void) {
  u32 slot = pifo_free;
  if (slot)
    pifo_free = pifo_next[PIFO_WITHIN(slot, PIFO_SLOTS)];
  else
    slot = ++pifo_used;
  return slot;
}

PIFO_INLINE void pifo_give_slot(u32 slot) {
  pifo_next[PIFO_WITHIN(slot, PIFO_SLOTS)] = pifo_free;
  pifo_free = slot;
}

/* ---- Containers: interval heaps (van Leeuwen and Wood, 1993) of (key, number
 * of the push). Entries 2k and 2k + 1 are the least and the largest of what is
 * below node k. */

struct pifo_entry {
  u64 key, sequence;
  u32 element, unused;
};
PIFO_STATE struct pifo_entry pifo_entries[(u64)PIFO_HEAPS * PIFO_ROOM];
PIFO_STATE u32 pifo_counts[PIFO_HEAPS];
PIFO_STATE u64 pifo_pushes;
/* What sinks or rises, and what was popped. */
PIFO_STATE struct {
  u32 heap, at, count, is_last;
} pifo_sift;
PIFO_STATE u64 pifo_popped;

PIFO_INLINE struct pifo_entry *pifo_entry(u32 heap, u32 at) {
  return &pifo_entries[PIFO_WITHIN((u64)heap * PIFO_ROOM + at,
                                   (u64)PIFO_HEAPS * PIFO_ROOM)];
}

PIFO_INLINE u32 pifo_count(u32 heap) {
  return pifo_counts[PIFO_WITHIN(heap, PIFO_HEAPS)];
}

PIFO_INLINE int pifo_less(u32 heap, u32 a, u32 b) {
  struct pifo_entry *x = pifo_entry(heap, a), *y = pifo_entry(heap, b);
  u64 key = x->key, other = y->key;
  if (key == other)
    return x->sequence < y->sequence;
  if (pifo_is_serial[PIFO_WITHIN(heap, PIFO_HEAPS)])
    return (s64)(key - other) < 0;
  return (s64)key < (s64)other;
}

PIFO_INLINE void pifo_swap(u32 heap, u32 a, u32 b) {
  struct pifo_entry *x = pifo_entry(heap, a), *y = pifo_entry(heap, b);
  u64 key = x->key, sequence = x->sequence;
  u32 element = x->element;
  x->key = y->key;
  x->sequence = y->sequence;
  x->element = y->element;
  y->key = key;
  y->sequence = sequence;
  y->element = element;
}

static long pifo_rise(u64 turn, void *none) {
  u32 heap = pifo_sift.heap, at = pifo_sift.at, is_last = pifo_sift.is_last;
  u32 above;
  if (at < 2)
    return 1;
  above = 2 * (((at >> 1) - 1) >> 1) + is_last;
  if (!(is_last ? pifo_less(heap, above, at) : pifo_less(heap, at, above)))
    return 1;
  pifo_swap(heap, at, above);
  pifo_sift.at = above;
  return 0;
}

PIFO_FUNCTION int pifo_push(u32 heap, u64 key, u32 element) {
  u32 count = pifo_count(heap), at = count;
  struct pifo_entry *entry = pifo_entry(heap, at);
  entry->key = key;
  entry->sequence = pifo_pushes++;
  entry->element = element;
  pifo_counts[PIFO_WITHIN(heap, PIFO_HEAPS)] = count + 1;
  if (at & 1 && pifo_less(heap, at, at - 1)) {
    pifo_swap(heap, at, at - 1);
    at -= 1;
  }
  if (at < 2)
    return 0;
  pifo_sift.heap = heap;
  pifo_sift.at = at;
  /* Beyond the largest of the node above, or below its least? */
  pifo_sift.is_last = pifo_less(heap, 2 * (((at >> 1) - 1) >> 1) + 1, at);
  bpf_loop(PIFO_LEVELS, pifo_rise, 0, 0);
  return 0;
}

static long pifo_sink_first(u64 turn, void *none) {
  u32 heap = pifo_sift.heap, at = pifo_sift.at, count = pifo_sift.count;
  u32 below = 2 * at + 2;
  if (at + 1 < count && pifo_less(heap, at + 1, at))
    pifo_swap(heap, at, at + 1);
  if (below + 2 < count && pifo_less(heap, below + 2, below))
    below += 2;
  if (below >= count || !pifo_less(heap, below, at))
    return 1;
  pifo_swap(heap, at, below);
  pifo_sift.at = below;
  return 0;
}

static long pifo_sink_last(u64 turn, void *none) {
  u32 heap = pifo_sift.heap, at = pifo_sift.at, count = pifo_sift.count;
  u32 below = 2 * at + 1, next = below + 2;
  /* The last node may have its least alone. */
  if (!(at & 1))
    return 1;
  if (pifo_less(heap, at, at - 1))
    pifo_swap(heap, at, at - 1);
  if (below >= count)
    below -= 1;
  if (next >= count)
    next -= 1;
  if (next < count && pifo_less(heap, below, next))
    below = next;
  if (below >= count || !pifo_less(heap, at, below))
    return 1;
  pifo_swap(heap, at, below);
  pifo_sift.at = below;
  return 0;
}

/* The first element, or the last; there is one. Its key is `pifo_popped`. */
PIFO_FUNCTION u32 pifo_pop(u32 heap, u32 is_last) {
  u32 count = pifo_count(heap) - 1, at = is_last && count ? 1 : 0;
  struct pifo_entry *entry = pifo_entry(heap, at);
  struct pifo_entry *end = pifo_entry(heap, count);
  u32 element = entry->element;
  pifo_popped = entry->key;
  pifo_counts[PIFO_WITHIN(heap, PIFO_HEAPS)] = count;
  entry->key = end->key;
  entry->sequence = end->sequence;
  entry->element = end->element;
  pifo_sift.heap = heap;
  pifo_sift.at = at;
  pifo_sift.count = count;
  if (count > 1)
    bpf_loop(PIFO_LEVELS, at ? pifo_sink_last : pifo_sink_first, 0, 0);
  return element;
}

/* Of serial numbers: what they are counted from follows what leaves. */
PIFO_STATE u64 pifo_base[PIFO_HEAPS];

PIFO_INLINE u64 pifo_serial_rank(u32 node, u64 value, u32 bits) {
  u64 *base = &pifo_base[PIFO_WITHIN(node, PIFO_HEAPS)], start;
  if (pifo_count(node) == 0)
    *base = value;
  start = (*base - (1ULL << (bits - 1))) & (0 - (1ULL << (bits - 6)));
  return start + ((value - start) & ((1ULL << bits) - 1));
}

PIFO_INLINE u64 pifo_clamped_rank(s64 value, u64 most) {
  return value < 0 ? 0 : (u64)value > most ? most : (u64)value;
}

/* ---- What all transactions see. */

PIFO_STATE u32 pifo_size;
/* By node: the elements that its parent, which decides late, knows; those of
 * all its children. */
PIFO_STATE u32 pifo_waiting[PIFO_HEAPS], pifo_inside[PIFO_HEAPS];
/* Of a packet that may have to wait, its rank. */
PIFO_STATE u64 pifo_rank_of[PIFO_SLOTS];
/* The node at which a walk rests. */
PIFO_STATE u32 pifo_rests_at[PIFO_SLOTS];
/* The packet that leaves, as whoever gets it sees it. */
PIFO_STATE struct pifo_packet pifo_out;
/* What a selection says. */
PIFO_STATE struct {
  u64 may;
  s64 rank, tie, again;
} pifo_says;

PIFO_INLINE u32 *pifo_waiting_of(u32 node) {
  return &pifo_waiting[PIFO_WITHIN(node, PIFO_HEAPS)];
}

PIFO_INLINE void pifo_count_child(u32 node, u32 child, u32 by) {
  *pifo_waiting_of(pifo_first_child[PIFO_WITHIN(node, PIFO_HEAPS)] + child) +=
      by;
  pifo_inside[PIFO_WITHIN(node, PIFO_HEAPS)] += by;
}

/* A walk rests: it is a packet of its own, which the fields are read of. */
PIFO_INLINE void pifo_rest(u32 node, u32 slot, u64 time) {
  u32 walk = pifo_take_slot();
  *pifo_packet(walk) = *pifo_packet(slot);
  pifo_rests_at[PIFO_WITHIN(walk, PIFO_SLOTS)] = node;
  pifo_push(PIFO_RESTING, time, walk);
}
