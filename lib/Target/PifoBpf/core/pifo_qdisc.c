// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

/* ---- The queueing discipline (struct Qdisc_ops). */

#pragma clang attribute push(__attribute__((preserve_access_index)),           \
                             apply_to = record)
struct sk_buff {
  char cb[48];
  u32 priority, mark;
};
struct qdisc_skb_cb {
  unsigned int pkt_len;
};
struct qdisc_skb_head {
  u32 qlen;
};
struct gnet_stats_queue {
  u32 backlog, drops;
};
struct Qdisc {
  u32 limit;
  struct qdisc_skb_head q;
  struct gnet_stats_queue qstats;
};
#pragma clang attribute pop
struct nlattr;
struct netlink_ext_ack;
struct bpf_sk_buff_ptr;
struct Qdisc_ops {
  int (*enqueue)(struct sk_buff *, struct Qdisc *, struct sk_buff **);
  struct sk_buff *(*dequeue)(struct Qdisc *);
  int (*init)(struct Qdisc *, struct nlattr *, struct netlink_ext_ack *);
  void (*reset)(struct Qdisc *);
  void (*destroy)(struct Qdisc *);
  char id[16];
};

#define PIFO_KFUNC extern __attribute__((section(".ksyms")))
PIFO_KFUNC u32 bpf_skb_get_hash(struct sk_buff *);
PIFO_KFUNC void bpf_kfree_skb(struct sk_buff *);
PIFO_KFUNC void bpf_qdisc_skb_drop(struct sk_buff *, struct bpf_sk_buff_ptr *);
PIFO_KFUNC void bpf_qdisc_watchdog_schedule(struct Qdisc *, u64, u64);
PIFO_KFUNC void bpf_qdisc_bstats_update(struct Qdisc *, const struct sk_buff *);

static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static u64 (*bpf_ktime_get_ns)(void) = (void *)5;
static void *(*bpf_kptr_xchg)(void *place, void *pointer) = (void *)194;

/* The packet of each slot. */
struct pifo_skb {
  struct sk_buff __attribute__((btf_type_tag("kptr"))) * skb;
};
struct {
  int (*type)[2];
  int (*max_entries)[PIFO_SLOTS];
  u32 *key;
  struct pifo_skb *value;
} pifo_skbs SEC(".maps");

PIFO_INLINE u32 pifo_length(const struct sk_buff *skb) {
  return ((struct qdisc_skb_cb *)skb->cb)->pkt_len;
}

PIFO_INLINE u64 pifo_least(u64 a, u64 b) { return a < b ? a : b; }

/* What a slot holds, which is nothing afterwards, and what it is to hold. */
PIFO_INLINE struct sk_buff *pifo_swap_skb(u32 slot, struct sk_buff *skb) {
  struct pifo_skb *place = bpf_map_lookup_elem(&pifo_skbs, &slot);
  if (!place)
    return skb;
  return bpf_kptr_xchg(&place->skb, skb);
}

/* Where the fields of a packet come from; -D or a header included before this
 * text says otherwise. */
#ifndef PIFO_FIELD_length
#define PIFO_FIELD_length(skb, now, most) pifo_least(pifo_length(skb), most)
#endif
#ifndef PIFO_FIELD_arrival
#define PIFO_FIELD_arrival(skb, now, most) (now)
#endif
#ifndef PIFO_FIELD_flow
#define PIFO_FIELD_flow(skb, now, most) (bpf_skb_get_hash(skb) % ((most) + 1))
#endif
#ifndef PIFO_FIELD_class
#define PIFO_FIELD_class(skb, now, most)                                       \
  pifo_least((skb)->priority & 0xffff, most)
#endif
#ifndef PIFO_FIELD_priority
#define PIFO_FIELD_priority(skb, now, most) pifo_least((skb)->priority, most)
#endif
#ifndef PIFO_FIELD_mark
#define PIFO_FIELD_mark(skb, now, most) pifo_least((skb)->mark, most)
#endif
