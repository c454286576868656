/* Part of nm, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * A compiled scheduler behind the calls of DPDK's rte_sched: mbufs carry their
 * traffic class and queue (rte_mbuf_sched_set), bursts go in and out, and what
 * is not taken is freed. The scheduler is `port` with the fields `class` and
 * `flow` (port.policy); its header is port.h. */
#ifndef NM_SCHED_H
#define NM_SCHED_H

#include "port.h"
#include <rte_branch_prediction.h>
#include <rte_mbuf.h>

/* Packets of a call that are copied at a time. */
#define NM_SCHED_BURST 64

struct nm_sched_port {
  port *scheduler;
  uint64_t dropped;
};

/* As rte_sched_port_config: 0, or -1 without memory. */
static inline int nm_sched_port_config(struct nm_sched_port *sched,
                                       int64_t packets) {
  sched->dropped = 0;
  sched->scheduler = port_create(packets);
  return sched->scheduler ? 0 : -1;
}

/* As rte_sched_port_pkt_write. */
static inline void nm_sched_port_pkt_write(struct rte_mbuf *packet,
                                           uint32_t queue, uint8_t class,
                                           uint8_t color) {
  rte_mbuf_sched_set(packet, queue, class, color);
}

static inline void nm_sched_drop(struct nm_sched_port *sched,
                                 struct rte_mbuf *packet) {
  ++sched->dropped;
  rte_pktmbuf_free(packet);
}

/* Frees what the scheduler pushed out or dropped by a rule. */
static inline void nm_sched_collect(struct nm_sched_port *sched) {
  port_packet lost;
  while (port_dropped(sched->scheduler, &lost) == port_OK)
    nm_sched_drop(sched, (struct rte_mbuf *)(uintptr_t)lost.handle);
}

/* As rte_sched_port_enqueue: the number of packets that were taken. */
static inline uint32_t nm_sched_port_enqueue(struct nm_sched_port *sched,
                                             struct rte_mbuf **packets,
                                             uint32_t count, int64_t now) {
  port_packet batch[NM_SCHED_BURST];
  uint32_t taken = 0;
  for (uint32_t done = 0; done < count;) {
    uint32_t size = RTE_MIN(count - done, (uint32_t)NM_SCHED_BURST);
    for (uint32_t i = 0; i < size; ++i) {
      struct rte_mbuf *packet = packets[done + i];
      batch[i].handle = (uint64_t)(uintptr_t)packet;
      batch[i].class = rte_mbuf_sched_traffic_class_get(packet);
      batch[i].flow = (uint16_t)rte_mbuf_sched_queue_get(packet);
      batch[i].length = (uint16_t)RTE_MIN(rte_pktmbuf_pkt_len(packet), 65535u);
    }
    /* A batch stops at the first packet that is refused. */
    for (uint32_t i = 0; i < size;) {
      int64_t here = 0;
      int32_t status =
          port_enqueue_batch(sched->scheduler, batch + i, size - i, now, &here);
      nm_sched_collect(sched);
      taken += (uint32_t)here;
      i += (uint32_t)here;
      if (unlikely(status != port_OK))
        nm_sched_drop(sched, packets[done + i++]);
    }
    done += size;
  }
  return taken;
}

/* As rte_sched_port_dequeue: the number of packets that leave. */
static inline uint32_t nm_sched_port_dequeue(struct nm_sched_port *sched,
                                             struct rte_mbuf **packets,
                                             uint32_t count, int64_t now) {
  port_packet batch[NM_SCHED_BURST];
  uint32_t left = 0;
  port_release(sched->scheduler, now);
  while (left < count) {
    uint32_t size = RTE_MIN(count - left, (uint32_t)NM_SCHED_BURST);
    int64_t here = port_dequeue_batch(sched->scheduler, now, batch, size);
    nm_sched_collect(sched);
    for (int64_t i = 0; i < here; ++i)
      packets[left++] = (struct rte_mbuf *)(uintptr_t)batch[i].handle;
    if (here < (int64_t)size)
      break;
  }
  return left;
}

static inline void nm_sched_port_free(struct nm_sched_port *sched) {
  struct rte_mbuf *packet;
  while (nm_sched_port_dequeue(sched, &packet, 1, INT64_MAX / 2))
    rte_pktmbuf_free(packet);
  port_destroy(sched->scheduler);
}

#endif /* NM_SCHED_H */
