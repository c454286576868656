// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where what leaves a PIFO waits until it is taken. A request is let through only
// if there is a place for its answer; four places are enough for one in every
// cycle, since an answer comes two cycles later.
module nm_pifo_axis_output #(
    parameter int BITS = 32,
    parameter int COUNT_BITS = 8
) (
    input  logic                  clk,
    input  logic                  rst,
    // A request is made, and the answers: with or without an element.
    output logic                  may_ask,
    input  logic                  asks,
    input  logic                  answers,
    input  logic                  found,
    input  logic [BITS-1:0]       element,
    output logic                  tvalid,
    output logic [BITS-1:0]       tdata,
    input  logic                  tready,
    // An element enters the PIFO; how many have entered and not left here.
    input  logic                  enters,
    output logic                  empty,
    output logic [COUNT_BITS-1:0] occupancy
);
  logic [4*BITS-1:0] places;
  logic [1:0] first, next;
  logic [2:0] waiting, promised;
  logic takes;
  assign may_ask = !promised[2];
  assign tvalid = waiting != 3'd0;
  assign tdata = places[first*BITS+:BITS];
  assign takes = tvalid && tready;
  assign empty = occupancy == '0;
  always_ff @(posedge clk) begin
    if (found) places[next*BITS+:BITS] <= element;
    if (rst) begin
      first <= 2'd0;
      next <= 2'd0;
      waiting <= 3'd0;
      promised <= 3'd0;
      occupancy <= '0;
    end else begin
      if (takes) first <= first + 2'd1;
      if (found) next <= next + 2'd1;
      waiting <= waiting + {2'd0, found} - {2'd0, takes};
      promised <= promised + {2'd0, asks} - {2'd0, takes} - {2'd0, answers && !found};
      occupancy <= occupancy + COUNT_BITS'(enters) - COUNT_BITS'(takes);
    end
  end
endmodule
