// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

PIFO_STATE struct {
  u32 users, packets, bytes;
} pifo_device;

SEC("struct_ops/pifo_qdisc_enqueue") int pifo_qdisc_enqueue(u64 *arguments) {
  struct sk_buff *skb = (void *)arguments[0], *lost;
  struct Qdisc *sch = (void *)arguments[1];
  struct bpf_sk_buff_ptr *to_free = (void *)arguments[2];
  u64 now = bpf_ktime_get_ns();
  u32 length = pifo_length(skb), slot = pifo_take_slot(), out;
  pifo_fill(slot, skb, now);
  if (pifo_enqueue(slot, now) != PIFO_OK) {
    pifo_give_slot(slot);
    sch->qstats.drops++;
    bpf_qdisc_skb_drop(skb, to_free);
    return 1; /* NET_XMIT_DROP */
  }
  skb = pifo_swap_skb(slot, skb);
  if (skb)
    bpf_qdisc_skb_drop(skb, to_free);
  sch->q.qlen++;
  sch->qstats.backlog += length;
  /* One packet at most is pushed out. */
  out = pifo_dropped();
  if (out) {
    lost = pifo_swap_skb(out, 0);
    pifo_give_slot(out);
    if (lost) {
      sch->q.qlen--;
      sch->qstats.backlog -= pifo_length(lost);
      sch->qstats.drops++;
      bpf_qdisc_skb_drop(lost, to_free);
    }
  }
  return 0; /* NET_XMIT_SUCCESS */
}

static long pifo_free_dropped(u64 turn, void *none) {
  u32 slot = pifo_dropped();
  struct sk_buff *skb;
  if (!slot)
    return 1;
  skb = pifo_swap_skb(slot, 0);
  pifo_give_slot(slot);
  if (skb) {
    pifo_device.packets++;
    pifo_device.bytes += pifo_length(skb);
    bpf_kfree_skb(skb);
  }
  return 0;
}

SEC("struct_ops/pifo_qdisc_dequeue")
struct sk_buff *pifo_qdisc_dequeue(u64 *arguments) {
  struct Qdisc *sch = (void *)arguments[0];
  u64 now = bpf_ktime_get_ns(), next;
  struct sk_buff *skb;
  u32 slot;
  pifo_release(now);
  slot = pifo_dequeue(now);
  if (PIFO_DELIVERS) {
    pifo_device.packets = pifo_device.bytes = 0;
    bpf_loop(PIFO_CAPACITY + 1, pifo_free_dropped, 0, 0);
    sch->q.qlen -= pifo_device.packets;
    sch->qstats.backlog -= pifo_device.bytes;
    sch->qstats.drops += pifo_device.packets;
  }
  if (!slot) {
    next = pifo_next_time();
    if (next != PIFO_NEVER)
      bpf_qdisc_watchdog_schedule(sch, next, 0);
    return 0;
  }
  skb = pifo_swap_skb(slot, 0);
  pifo_give_slot(slot);
  if (!skb)
    return 0;
  sch->q.qlen--;
  sch->qstats.backlog -= pifo_length(skb);
  bpf_qdisc_bstats_update(sch, skb);
  return skb;
}

/* What is kept here is of one device: a second one is refused. The kernel calls
 * destroy after an init that failed too. */
SEC("struct_ops/pifo_qdisc_init") int pifo_qdisc_init(u64 *arguments) {
  struct Qdisc *sch = (void *)arguments[0];
  if (__sync_fetch_and_add(&pifo_device.users, 1))
    return -16; /* EBUSY */
  sch->limit = PIFO_CAPACITY;
  return 0;
}

SEC("struct_ops/pifo_qdisc_destroy") int pifo_qdisc_destroy(u64 *arguments) {
  __sync_fetch_and_add(&pifo_device.users, -1);
  return 0;
}

static long pifo_free_slot(u64 slot, void *none) {
  struct sk_buff *skb = pifo_swap_skb(slot, 0);
  if (skb)
    bpf_kfree_skb(skb);
  return 0;
}

static long pifo_empty_heap(u64 heap, void *none) {
  pifo_counts[PIFO_WITHIN(heap, PIFO_HEAPS)] = 0;
  pifo_waiting[PIFO_WITHIN(heap, PIFO_HEAPS)] = 0;
  pifo_inside[PIFO_WITHIN(heap, PIFO_HEAPS)] = 0;
  return 0;
}

/* Without packets; virtual times and tokens go on. */
SEC("struct_ops/pifo_qdisc_reset") int pifo_qdisc_reset(u64 *arguments) {
  struct Qdisc *sch = (void *)arguments[0];
  bpf_loop(PIFO_SLOTS, pifo_free_slot, 0, 0);
  bpf_loop(PIFO_HEAPS, pifo_empty_heap, 0, 0);
  pifo_forget();
  pifo_free = pifo_used = pifo_drops = pifo_size = 0;
  pifo_again = PIFO_NEVER;
  sch->q.qlen = 0;
  sch->qstats.backlog = 0;
  return 0;
}

SEC(".struct_ops")
struct Qdisc_ops pifo_qdisc = {
    .enqueue = (void *)pifo_qdisc_enqueue,
    .dequeue = (void *)pifo_qdisc_dequeue,
    .init = (void *)pifo_qdisc_init,
    .reset = (void *)pifo_qdisc_reset,
    .destroy = (void *)pifo_qdisc_destroy,
    .id = PIFO_ID,
};
#endif /* PIFO_CALLS */

char pifo_license[] SEC("license") = "GPL";
