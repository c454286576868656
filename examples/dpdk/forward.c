/* Part of nm, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * Bursts of mbufs from port 0 through a compiled scheduler to the last port.
 *
 * usage: forward <EAL arguments> -- <packets to send for each burst received>
 *
 * The class is the upper two bits of the DSCP, inverted: expedited forwarding
 * is class 0. A link that is slower than what comes in is made by sending fewer
 * packets than a burst has. Ends when nothing comes any more. */
#include "nm_sched.h"
#include <netinet/in.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <stdio.h>
#include <stdlib.h>

#define BURST 32
#define IDLE 100

static void classify(struct rte_mbuf *packet) {
  const struct rte_ether_hdr *ethernet =
      rte_pktmbuf_mtod(packet, const struct rte_ether_hdr *);
  uint8_t class = 3;
  uint32_t flow = 0;
  if (rte_pktmbuf_data_len(packet) >=
          sizeof(*ethernet) + sizeof(struct rte_ipv4_hdr) &&
      ethernet->ether_type == htons(RTE_ETHER_TYPE_IPV4)) {
    const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)(ethernet + 1);
    class = (uint8_t)(3 - (ip->type_of_service >> 6));
    flow = ntohl(ip->src_addr) & 0xffff;
  }
  nm_sched_port_pkt_write(packet, flow, class, RTE_COLOR_GREEN);
}

static int start(uint16_t device, struct rte_mempool *pool) {
  struct rte_eth_conf config = {0};
  int failed = rte_eth_dev_configure(device, 1, 1, &config);
  if (!failed)
    failed = rte_eth_rx_queue_setup(device, 0, 256, SOCKET_ID_ANY, NULL, pool);
  if (!failed)
    failed = rte_eth_tx_queue_setup(device, 0, 256, SOCKET_ID_ANY, NULL);
  return failed ? failed : rte_eth_dev_start(device);
}

static void sendAll(uint16_t device, struct rte_mbuf **packets,
                    uint32_t count) {
  for (uint32_t sent = 0; sent < count;)
    sent += rte_eth_tx_burst(device, 0, packets + sent,
                             (uint16_t)(count - sent));
}

int main(int argc, char **argv) {
  int used = rte_eal_init(argc, argv);
  if (used < 0 || argc - used != 2)
    rte_exit(EXIT_FAILURE, "usage: forward <EAL arguments> -- <packets to send "
                           "for each burst received>\n");
  uint32_t drain = (uint32_t)atoi(argv[used + 1]);
  uint16_t devices = rte_eth_dev_count_avail();
  struct rte_mempool *pool =
      rte_pktmbuf_pool_create("packets", 2047, 64, 0,
                              RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  struct nm_sched_port sched;
  if (drain < 1 || drain > BURST || devices < 1 || !pool ||
      nm_sched_port_config(&sched, 0))
    rte_exit(EXIT_FAILURE, "expected a device, memory, and 1 to %d packets for "
                           "each burst\n",
             BURST);
  for (uint16_t device = 0; device < devices; ++device)
    if (start(device, pool))
      rte_exit(EXIT_FAILURE, "device %u does not start\n", device);
  uint64_t received = 0, sent = 0;
  struct rte_mbuf *packets[BURST];
  int64_t now = 0;
  for (int idle = 0; idle < IDLE; ++now) {
    uint16_t count = rte_eth_rx_burst(0, 0, packets, BURST);
    for (uint16_t i = 0; i < count; ++i)
      classify(packets[i]);
    nm_sched_port_enqueue(&sched, packets, count, now);
    received += count;
    uint32_t left = nm_sched_port_dequeue(&sched, packets, drain, now);
    sendAll((uint16_t)(devices - 1), packets, left);
    sent += left;
    idle = count || left ? 0 : idle + 1;
  }
  printf("received %lu sent %lu dropped %lu\n", (unsigned long)received,
         (unsigned long)sent, (unsigned long)sched.dropped);
  nm_sched_port_free(&sched);
  for (uint16_t device = 0; device < devices; ++device)
    rte_eth_dev_stop(device);
  rte_eal_cleanup();
  return 0;
}
