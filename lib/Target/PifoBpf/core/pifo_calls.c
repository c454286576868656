// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifdef PIFO_CALLS
/* ---- Calls one by one, in place of a queueing discipline: for kernels without
 * it, and for tests. */

struct pifo_call {
  /* 0 enqueue, 1 dequeue, 2 release, 3 dropped, 4 next time. */
  u32 what, status;
  u64 now;
  struct pifo_packet packet;
};

SEC("syscall") int pifo_calls(struct pifo_call *call) {
  u32 what = call->what, slot;
  u64 now = call->now;
  call->status = PIFO_OK;
  if (what == 0) {
    slot = pifo_take_slot();
    *pifo_packet(slot) = call->packet;
    call->status = pifo_enqueue(slot, now);
    if (call->status != PIFO_OK)
      pifo_give_slot(slot);
  } else if (what == 1) {
    slot = pifo_dequeue(now);
    call->status = PIFO_EMPTY;
    if (slot) {
      call->packet = pifo_out;
      call->status = PIFO_OK;
      pifo_give_slot(slot);
    }
  } else if (what == 2) {
    pifo_release(now);
  } else if (what == 3) {
    slot = pifo_dropped();
    call->status = PIFO_EMPTY;
    if (slot) {
      call->packet = *pifo_packet(slot);
      call->status = PIFO_OK;
      pifo_give_slot(slot);
    }
  } else {
    call->now = pifo_next_time();
    call->status = call->now == PIFO_NEVER ? PIFO_EMPTY : PIFO_OK;
  }
  return 0;
}

#else
