//===- strict.c -----------------------------------------------------------===//
//
// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

/* Uses a compiled scheduler as a C program would. */
#include "strict.h"
#include <stdio.h>

int main(void) {
  strict *scheduler = strict_create(3);
  strict_packet packet = {0};
  for (uint64_t i = 0; i < 4; ++i) {
    packet.handle = i;
    packet.priority = (uint8_t)(i == 2 ? 1 : 5);
    packet.arrival = 10 * i;
    printf("enqueue %d\n", strict_enqueue(scheduler, &packet, 10 * (int64_t)i));
  }
  packet.priority = 8;
  strict_dequeue(scheduler, 100, &packet);
  printf("handle %d waited %u\n", (int)packet.handle, packet.waited);
  packet.priority = 8;
  printf("unknown %d\n",
         strict_enqueue(scheduler, &packet, 100) == strict_UNKNOWN);
  while (strict_dequeue(scheduler, 200, &packet) == strict_OK)
    printf("handle %d waited %u\n", (int)packet.handle, packet.waited);
  printf("size %d\n", (int)strict_size(scheduler));
  strict_destroy(scheduler);
  return 0;
}
