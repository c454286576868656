// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

/* ---- Walks through the tree. */

PIFO_INLINE u32 pifo_kind_of(u32 node) {
  return pifo_kinds[PIFO_WITHIN(node, PIFO_HEAPS)];
}

PIFO_INLINE u32 pifo_child_of(u32 node, u32 child) {
  return pifo_first_child[PIFO_WITHIN(node, PIFO_HEAPS)] + child;
}

PIFO_INLINE u32 pifo_waiters_of(u32 node) {
  return pifo_waiters[PIFO_WITHIN(node, PIFO_HEAPS)];
}

PIFO_INLINE int pifo_is_empty(void) {
  u32 kind = pifo_kind_of(0);
  if (kind == PIFO_LATE)
    return pifo_inside[0] == 0;
  if (kind == PIFO_ELIGIBLE)
    return pifo_count(0) == 0 && pifo_count(pifo_waiters_of(0)) == 0;
  return pifo_count(0) == 0;
}

/* Where a walk is. */
PIFO_STATE struct {
  u32 node, child, slot, refused;
  u64 now;
} pifo_up;

static long pifo_climb(u64 turn, void *none) {
  u32 node = pifo_up.node;
  if (pifo_enter(node, pifo_up.slot, pifo_up.child, pifo_up.now) || node == 0)
    return 1;
  pifo_up.child = pifo_number[PIFO_WITHIN(node, PIFO_HEAPS)];
  pifo_up.node = pifo_parent[PIFO_WITHIN(node, PIFO_HEAPS)];
  return 0;
}

PIFO_INLINE void pifo_climb_from(u32 node, u32 child, u32 slot, u64 now) {
  pifo_up.node = node;
  pifo_up.child = child;
  pifo_up.slot = slot;
  pifo_up.now = now;
  bpf_loop(PIFO_DEPTH, pifo_climb, 0, 0);
}

static long pifo_ask(u64 turn, void *none) {
  u32 node = pifo_up.node;
  if (!pifo_admit(node, pifo_up.slot, pifo_up.child, pifo_up.now)) {
    pifo_up.refused = 1;
    return 1;
  }
  pifo_up.child = pifo_number[PIFO_WITHIN(node, PIFO_HEAPS)];
  pifo_up.node = pifo_parent[PIFO_WITHIN(node, PIFO_HEAPS)];
  return node == 0;
}

static long pifo_count_in(u64 turn, void *none) {
  u32 node = pifo_up.node;
  pifo_add(node, pifo_up.slot, 1);
  pifo_up.node = pifo_parent[PIFO_WITHIN(node, PIFO_HEAPS)];
  return node == 0;
}

/* Elements whose time has come. */
PIFO_STATE struct {
  u32 node;
  u64 now;
} pifo_due;

static long pifo_ripen(u64 turn, void *none) {
  u32 node = pifo_due.node, waiters = pifo_waiters_of(node), slot;
  if (pifo_count(waiters) == 0 ||
      (s64)pifo_entry(waiters, 0)->key > (s64)pifo_due.now)
    return 1;
  slot = pifo_pop(waiters, 0);
  pifo_push(node, pifo_rank_of[PIFO_WITHIN(slot, PIFO_SLOTS)], slot);
  return 0;
}

PIFO_INLINE void pifo_mature(u32 node, u64 now) {
  pifo_due.node = node;
  pifo_due.now = now;
  bpf_loop(PIFO_CAPACITY + 1, pifo_ripen, 0, 0);
}

/* The path of a packet that leaves, from the root. */
PIFO_STATE struct {
  u32 node, depth, slot, is_evicted;
  u64 now;
  u32 nodes[PIFO_PATH], children[PIFO_PATH];
  u64 ranks[PIFO_PATH];
} pifo_down;

/* By node that decides late, and what its children offer. */
PIFO_STATE u32 pifo_chosen[PIFO_HEAPS], pifo_offers[PIFO_HEAPS];
PIFO_STATE u32 pifo_offered[PIFO_HEAPS];
PIFO_STATE s64 pifo_offer_rank[PIFO_HEAPS], pifo_offer_tie[PIFO_HEAPS];
PIFO_STATE s64 pifo_offer_again[PIFO_HEAPS];
PIFO_STATE s64 pifo_again = PIFO_NEVER;

/* The child that has most, of equals the last. */
PIFO_STATE struct {
  u32 node, child, most;
} pifo_longest;

static long pifo_compare_child(u64 child, void *none) {
  u32 waiting = *pifo_waiting_of(pifo_child_of(pifo_longest.node, child));
  if (waiting >= pifo_longest.most) {
    pifo_longest.most = waiting;
    pifo_longest.child = child;
  }
  return 0;
}

PIFO_INLINE u32 pifo_longest_child(u32 node) {
  pifo_longest.node = node;
  pifo_longest.child = pifo_longest.most = 0;
  bpf_loop(pifo_children[PIFO_WITHIN(node, PIFO_HEAPS)], pifo_compare_child, 0,
           0);
  return pifo_longest.child;
}

static long pifo_descend(u64 turn, void *none) {
  u32 node = pifo_down.node, kind = pifo_kind_of(node), element;
  u32 is_evicted = pifo_down.is_evicted, place;
  u64 rank = 0;
  if (kind == PIFO_LATE) {
    element = is_evicted ? pifo_longest_child(node)
                         : pifo_chosen[PIFO_WITHIN(node, PIFO_HEAPS)];
    rank = pifo_offer_rank[PIFO_WITHIN(node, PIFO_HEAPS)];
    pifo_count_child(node, element, -1);
  } else if (kind == PIFO_ELIGIBLE && is_evicted &&
             pifo_count(pifo_waiters_of(node))) {
    element = pifo_pop(pifo_waiters_of(node), 1);
    rank = pifo_rank_of[PIFO_WITHIN(element, PIFO_SLOTS)];
  } else {
    u64 *base = &pifo_base[PIFO_WITHIN(node, PIFO_HEAPS)];
    element = pifo_pop(node, is_evicted);
    rank = pifo_popped;
    if (!is_evicted && (s64)(rank - *base) > 0)
      *base = rank;
  }
  place = pifo_down.depth++;
  pifo_down.nodes[PIFO_WITHIN(place, PIFO_PATH)] = node;
  pifo_down.children[PIFO_WITHIN(place, PIFO_PATH)] = element;
  pifo_down.ranks[PIFO_WITHIN(place, PIFO_PATH)] = rank;
  pifo_down.node = pifo_child_of(node, element);
  if (pifo_children[PIFO_WITHIN(node, PIFO_HEAPS)])
    return 0;
  pifo_down.node = node;
  pifo_down.slot = element;
  return 1;
}

static long pifo_settle(u64 place, void *none) {
  u32 node = pifo_down.nodes[PIFO_WITHIN(place, PIFO_PATH)];
  u32 child = pifo_down.children[PIFO_WITHIN(place, PIFO_PATH)];
  u64 rank = pifo_down.ranks[PIFO_WITHIN(place, PIFO_PATH)];
  if (pifo_down.is_evicted)
    pifo_evicted(node, pifo_down.slot, child, rank, pifo_down.now);
  else
    pifo_left(node, pifo_down.slot, child, rank, pifo_down.now);
  pifo_add(node, pifo_down.slot, -1);
  return 0;
}

PIFO_INLINE void pifo_go_down(u32 is_evicted, u64 now) {
  pifo_down.node = pifo_down.depth = 0;
  pifo_down.is_evicted = is_evicted;
  pifo_down.now = now;
  bpf_loop(PIFO_DEPTH, pifo_descend, 0, 0);
}

/* Packets that were taken and dropped since, in their order. */
PIFO_STATE u32 pifo_drops, pifo_last_drop;

PIFO_INLINE void pifo_keep_dropped(u32 slot) {
  pifo_next[PIFO_WITHIN(slot, PIFO_SLOTS)] = 0;
  if (pifo_drops)
    pifo_next[PIFO_WITHIN(pifo_last_drop, PIFO_SLOTS)] = slot;
  else
    pifo_drops = slot;
  pifo_last_drop = slot;
}

/* A slot to be given back, or 0. Until then the scheduler is not called. */
PIFO_INLINE u32 pifo_dropped(void) {
  u32 slot = pifo_drops;
  if (slot)
    pifo_drops = pifo_next[PIFO_WITHIN(slot, PIFO_SLOTS)];
  return slot;
}

/* Takes the packet of a slot, or refuses it, and the slot stays the caller's.
 */
PIFO_FUNCTION int pifo_enqueue(u32 slot, u64 now) {
  u32 leaf;
  int is_full = pifo_size >= PIFO_CAPACITY;
  if (is_full && (!PIFO_PUSHES_OUT || pifo_is_empty()))
    return PIFO_FULL;
  if (pifo_is_unknown(slot))
    return PIFO_UNKNOWN;
  leaf = pifo_route(slot);
  if (PIFO_ADMITS) {
    pifo_up.node = leaf;
    pifo_up.child = pifo_up.refused = 0;
    pifo_up.slot = slot;
    pifo_up.now = now;
    bpf_loop(PIFO_DEPTH, pifo_ask, 0, 0);
    if (pifo_up.refused)
      return PIFO_DROPPED;
  }
  /* Whoever has become eligible since goes before this one. */
  if (PIFO_WAITS && pifo_kind_of(leaf) == PIFO_ELIGIBLE)
    pifo_mature(leaf, now);
  pifo_climb_from(leaf, 0, slot, now);
  if (PIFO_COUNTS) {
    pifo_up.node = leaf;
    bpf_loop(PIFO_DEPTH, pifo_count_in, 0, 0);
  }
  pifo_size++;
  if (!PIFO_PUSHES_OUT || !is_full)
    return PIFO_OK;
  pifo_go_down(1, now);
  bpf_loop(pifo_down.depth, pifo_settle, 0, 0);
  pifo_size--;
  if (pifo_down.slot == slot)
    return PIFO_FULL;
  pifo_keep_dropped(pifo_down.slot);
  return PIFO_OK;
}

PIFO_STATE struct {
  u32 node, best;
  u64 now;
  s64 rank, tie, again;
} pifo_choice;

/* Whether the child is the best yet of those of a node. */
static long pifo_ask_child(u64 number, void *none) {
  u32 child = pifo_child_of(pifo_choice.node, number);
  u32 at = PIFO_WITHIN(child, PIFO_HEAPS);
  s64 again, rank, later = pifo_choice.now + 1;
  if (*pifo_waiting_of(child) == 0)
    return 0;
  again = pifo_offer_again[PIFO_WITHIN(at, PIFO_HEAPS)];
  if (again < pifo_choice.again)
    pifo_choice.again = again;
  if (!pifo_offers[PIFO_WITHIN(at, PIFO_HEAPS)])
    return 0;
  pifo_select(pifo_choice.node, pifo_offered[PIFO_WITHIN(at, PIFO_HEAPS)],
              number, pifo_offer_rank[PIFO_WITHIN(at, PIFO_HEAPS)],
              pifo_offer_tie[PIFO_WITHIN(at, PIFO_HEAPS)], pifo_choice.now);
  if (pifo_says.again > later)
    later = pifo_says.again;
  if (later < pifo_choice.again)
    pifo_choice.again = later;
  rank = pifo_says.rank;
  if (pifo_says.may &&
      (pifo_choice.best == ~0U || rank < pifo_choice.rank ||
       (rank == pifo_choice.rank && pifo_says.tie < pifo_choice.tie))) {
    pifo_choice.best = number;
    pifo_choice.rank = rank;
    pifo_choice.tie = pifo_says.tie;
  }
  return 0;
}

/* What a node offers to the one above, from the last node to the root: those
 * below come before. */
static long pifo_offer(u64 turn, void *none) {
  u32 node = PIFO_NODES - 1 - turn, kind = pifo_kind_of(node), some, best;
  u32 at = PIFO_WITHIN(node, PIFO_HEAPS), waiters;
  s64 again = PIFO_NEVER;
  if (kind == PIFO_LATE) {
    pifo_choice.node = node;
    pifo_choice.best = ~0U;
    pifo_choice.rank = pifo_choice.tie = 0;
    pifo_choice.again = PIFO_NEVER;
    bpf_loop(pifo_children[PIFO_WITHIN(at, PIFO_HEAPS)], pifo_ask_child, 0, 0);
    best = pifo_choice.best;
    pifo_chosen[PIFO_WITHIN(at, PIFO_HEAPS)] = best;
    pifo_offers[PIFO_WITHIN(at, PIFO_HEAPS)] = best != ~0U;
    pifo_offer_rank[PIFO_WITHIN(at, PIFO_HEAPS)] = pifo_choice.rank;
    pifo_offer_tie[PIFO_WITHIN(at, PIFO_HEAPS)] = pifo_choice.tie;
    pifo_offer_again[PIFO_WITHIN(at, PIFO_HEAPS)] = pifo_choice.again;
    pifo_offered[PIFO_WITHIN(at, PIFO_HEAPS)] =
        pifo_offered[PIFO_WITHIN(pifo_child_of(node, best), PIFO_HEAPS)];
    return 0;
  }
  if (kind == PIFO_ELIGIBLE) {
    pifo_mature(node, pifo_choice.now);
    waiters = pifo_waiters_of(node);
    if (pifo_count(waiters))
      again = pifo_entry(waiters, 0)->key;
  }
  some = pifo_count(node);
  pifo_offers[PIFO_WITHIN(at, PIFO_HEAPS)] = some != 0;
  pifo_offer_again[PIFO_WITHIN(at, PIFO_HEAPS)] = again;
  if (!some)
    return 0;
  best = pifo_entry(node, 0)->element;
  pifo_offer_rank[PIFO_WITHIN(at, PIFO_HEAPS)] = pifo_entry(node, 0)->key;
  pifo_offer_tie[PIFO_WITHIN(at, PIFO_HEAPS)] = 0;
  if (pifo_children[PIFO_WITHIN(at, PIFO_HEAPS)])
    best = pifo_offered[PIFO_WITHIN(pifo_child_of(node, best), PIFO_HEAPS)];
  pifo_offered[PIFO_WITHIN(at, PIFO_HEAPS)] = best;
  return 0;
}

/* The slot of the packet that leaves, or 0. */
PIFO_STATE struct {
  u64 now;
  u32 slot;
} pifo_leaving;

static long pifo_leave(u64 turn, void *none) {
  u64 now = pifo_leaving.now;
  int is_sent;
  pifo_again = PIFO_NEVER;
  if (pifo_is_empty())
    return 1;
  if (PIFO_DECIDES_LATE) {
    pifo_choice.now = now;
    bpf_loop(PIFO_NODES, pifo_offer, 0, 0);
    if (!pifo_offers[0]) {
      pifo_again = pifo_offer_again[0];
      return 1;
    }
  }
  pifo_go_down(0, now);
  is_sent = pifo_deliver(pifo_down.node, pifo_down.slot, now);
  pifo_out = *pifo_packet(pifo_down.slot);
  bpf_loop(pifo_down.depth, pifo_settle, 0, 0);
  pifo_size--;
  if (!is_sent) {
    pifo_keep_dropped(pifo_down.slot);
    return 0;
  }
  pifo_leaving.slot = pifo_down.slot;
  return 1;
}

/* The slot, which is the caller's from now on, of the packet `pifo_out`. */
PIFO_FUNCTION u32 pifo_dequeue(u64 now) {
  pifo_leaving.now = now;
  pifo_leaving.slot = 0;
  bpf_loop(PIFO_CAPACITY + 1, pifo_leave, 0, 0);
  return pifo_leaving.slot;
}

PIFO_STATE u64 pifo_released_at;

static long pifo_release_one(u64 turn, void *none) {
  u64 now = pifo_released_at;
  u32 walk, node;
  if (pifo_count(PIFO_RESTING) == 0 ||
      (s64)pifo_entry(PIFO_RESTING, 0)->key > (s64)now)
    return 1;
  walk = pifo_pop(PIFO_RESTING, 0);
  node = PIFO_WITHIN(pifo_rests_at[PIFO_WITHIN(walk, PIFO_SLOTS)], PIFO_HEAPS);
  pifo_climb_from(pifo_parent[PIFO_WITHIN(node, PIFO_HEAPS)],
                  pifo_number[PIFO_WITHIN(node, PIFO_HEAPS)], walk, now);
  pifo_give_slot(walk);
  return 0;
}

/* Lets walks go on that are due. */
PIFO_FUNCTION int pifo_release(u64 now) {
  pifo_released_at = now;
  if (PIFO_SHAPES)
    bpf_loop(PIFO_RELEASES, pifo_release_one, 0, 0);
  if (PIFO_DECIDES_LATE && pifo_again <= (s64)now)
    pifo_again = PIFO_NEVER;
  return 0;
}

/* When a release or a dequeue may find something, or PIFO_NEVER. */
PIFO_FUNCTION u64 pifo_next_time(void) {
  s64 next = pifo_again, first;
  if (PIFO_SHAPES && pifo_count(PIFO_RESTING)) {
    first = pifo_entry(PIFO_RESTING, 0)->key;
    if (first < next)
      next = first;
  }
  return next;
}
