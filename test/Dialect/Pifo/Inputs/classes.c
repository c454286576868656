/* Part of nm, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * One thread schedules while another brings a class and takes it away. */
#include "s.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

/* By which policy packets are classified that are made now. */
static atomic_int policy, stop, taken;

/* The policy without the class b, and the one with it. */
static const int64_t values[2][3] = {WITHOUT, WITH};

static void *change(void *scheduler) {
  for (int next = 1; !atomic_load(&stop); next ^= 1) {
    while (s_change(scheduler, values[next], 3) != s_OK)
      if (atomic_load(&stop))
        return 0;
    atomic_store(&policy, next);
    atomic_fetch_add(&taken, 1);
  }
  return 0;
}

int main(void) {
  s *scheduler = s_create(0);
  /* Two packets of b wait when their class goes; one comes later, to c. */
  for (int i = 0; i < 3; ++i) {
    s_packet packet = {.handle = i, .length = 100, .class = 1};
    packet.policy = i < 2;
    if (i == 2)
      s_change(scheduler, values[0], 3);
    printf("class %d ", s_class(&packet));
    printf("status %d\n", s_enqueue(scheduler, &packet, 0));
  }
  for (int i = 0; i < 3; ++i) {
    s_packet packet;
    printf("status %d ", s_dequeue(scheduler, 0, &packet));
    printf("packet %d\n", (int)packet.handle);
  }
  pthread_t other;
  pthread_create(&other, 0, change, scheduler);
  uint64_t last[3] = {0, 0, 0}, came = 0, left = 0, backward = 0, of[3] = {0};
  int64_t now = 0;
  while (atomic_load(&taken) < 5000 || s_size(scheduler)) {
    s_packet packet = {.handle = came + 1, .length = 100};
    packet.class = came * 7 % 3;
    packet.policy = atomic_load(&policy);
    /* Sometimes many wait. */
    if (atomic_load(&taken) < 5000 && now / 64 % 3 != 2) {
      came += s_enqueue(scheduler, &packet, now) == s_OK;
    } else if (s_dequeue(scheduler, now, &packet) == s_OK) {
      int leaf = s_class(&packet);
      ++left;
      ++of[leaf];
      backward += packet.handle < last[leaf];
      last[leaf] = packet.handle;
    }
    ++now;
  }
  atomic_store(&stop, 1);
  pthread_join(other, 0);
  printf("lost %d backward %d came to all %d inside %d\n", (int)(came - left),
         (int)backward, of[0] && of[1] && of[2], (int)s_size(scheduler));
  s_destroy(scheduler);
  return 0;
}
