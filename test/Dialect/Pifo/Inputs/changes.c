/* Part of nm, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * One thread schedules while another changes the parameters. */
#include "changes.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

static atomic_int stop, taken;

/* Counters never go back, and no more leaves than has entered. */
static int backward;

static void *change(void *scheduler) {
  changes_counts before[2] = {{0, 0, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 0}};
  for (int64_t i = 0; !atomic_load(&stop); ++i) {
    changes_counts now = {sizeof now, 0, 0, 0, 0, 0, 0};
    changes_counters(scheduler, i & 1, &now);
    backward +=
        now.entered < before[i & 1].entered || now.sent < before[i & 1].sent;
    before[i & 1] = now;
    int64_t values[5] = {i % 5, 2, i, i, 0};
    if (changes_change(scheduler, values, 5) == changes_OK)
      atomic_fetch_add(&taken, 1);
  }
  return 0;
}

int main(void) {
  changes *scheduler = changes_create(0);
  int64_t torn = 0, left = 0, now = 0, wrong[4] = {1, 1, 1, 1};
  /* The table decides which class goes first. */
  int64_t order[2][5] = {{1, 2, 7, 7, 0}, {2, 1, 7, 7, 0}};
  for (int i = 0; i < 2; ++i) {
    changes_packet packet = {0, 0};
    for (packet.class = 0; packet.class < 2; ++packet.class)
      changes_enqueue(scheduler, &packet, now);
    printf("change %d again %d\n", changes_change(scheduler, order[i], 5),
           changes_change(scheduler, order[i], 5));
    for (int j = 0; j < 2; ++j) {
      changes_dequeue(scheduler, now, &packet);
      printf("class %d\n", packet.class);
    }
  }
  printf("count %d\n", changes_change(scheduler, wrong, 4));
  pthread_t other;
  pthread_create(&other, 0, change, scheduler);
  while (atomic_load(&taken) < 10000) {
    changes_packet packet = {0, (uint8_t)(++now & 1)};
    torn += changes_enqueue(scheduler, &packet, now) != changes_OK;
    changes_release(scheduler, now);
    left += changes_dequeue(scheduler, now, &packet) == changes_OK;
  }
  atomic_store(&stop, 1);
  pthread_join(other, 0);
  printf("torn %d lost %d\n", (int)torn, (int)(now - left));
  uint64_t entered = 0, sent = 0, dropped = 0;
  changes_counts counts = {sizeof counts, 0, 0, 0, 0, 0, 0};
  for (int leaf = 0; leaf < 2; ++leaf) {
    printf("counters %d\n", changes_counters(scheduler, leaf, &counts));
    entered += counts.entered;
    sent += counts.sent;
    dropped += counts.dropped;
  }
  printf("entered %d sent %d dropped %d backward %d\n",
         entered == (uint64_t)now + 4, sent == (uint64_t)left + 4, (int)dropped,
         backward);
  printf("unknown %d", changes_counters(scheduler, 2, &counts));
  counts.size = 8;
  printf(" %d\n", changes_counters(scheduler, 0, &counts));
  changes_destroy(scheduler);
  return 0;
}
