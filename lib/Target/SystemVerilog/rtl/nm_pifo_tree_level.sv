// Part of nm, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One level of nm_pifo_tree: a memory of nodes and what works on one of them. A
// node has WAYS places, each with an element and with the number of elements in
// the place and in the sub-tree below it; 0 is an empty place.
//
//   cycle  push                              pop
//   0      the request comes, the node is    the same
//          read
//   1      the place whose sub-tree has the  the place with the smallest rank, the
//          fewest takes the smaller of two,  leftmost of equals: `least`; a pop goes
//          the other goes down; written      down
//   2                                        what was least there is written here
//
// So another request may follow a push at once and a pop one cycle later.
//
// Memories need no reset: a node that its parent's number says is empty comes
// with `fresh`, and what is read there does not count.
module nm_pifo_tree_level #(
    parameter int WAYS = 4,
    parameter int LEVELS = 1,  // of the sub-trees, this one included
    parameter int NODES = 1,
    parameter int NODE_BITS = 1,
    parameter int RANK_BITS = 16,
    parameter int META_BITS = 32
) (
    input  logic                           clk,
    input  logic                           rst,
    input  logic                           in_valid,
    input  logic                           in_pop,
    input  logic                           in_fresh,
    input  logic [NODE_BITS-1:0]           in_node,
    input  logic [RANK_BITS+META_BITS-1:0] in_element,
    // The smallest element of the node that came in the cycle before.
    output logic [RANK_BITS+META_BITS-1:0] least,
    // To the level below, and what was least there in the cycle after.
    output logic                           out_valid,
    output logic                           out_pop,
    output logic                           out_fresh,
    output logic [NODE_BITS+$clog2(WAYS)-1:0] out_node,
    output logic [RANK_BITS+META_BITS-1:0] out_element,
    input  logic [RANK_BITS+META_BITS-1:0] out_least
);
  localparam int WAY_BITS = $clog2(WAYS);
  localparam int COUNT_BITS = $clog2((WAYS ** LEVELS - 1) / (WAYS - 1) + 1);
  localparam int ELEMENT = RANK_BITS + META_BITS;  // {rank, meta}
  localparam int PLACE = COUNT_BITS + ELEMENT;  // {count, element}
  localparam logic [COUNT_BITS-1:0] ONE = COUNT_BITS'(1);

  // Cycle 1. A place that was written in the cycle of the read is passed by.
  logic valid, pop, fresh;
  logic [NODE_BITS-1:0] node;
  logic [ELEMENT-1:0] element, written;
  logic [WAYS-1:0] passes;
  logic [WAYS*PLACE-1:0] read, now;
  logic [WAYS*COUNT_BITS-1:0] written_counts;
  always_comb begin
    for (int i = 0; i < WAYS; i = i + 1)
      now[i*PLACE+:PLACE] = passes[i]
          ? {written_counts[i*COUNT_BITS+:COUNT_BITS], written} : read[i*PLACE+:PLACE];
  end

  // Of each pair of places, whether the left one has no more elements, and
  // whether it holds the smaller rank; an empty place holds none.
  logic [WAYS*COUNT_BITS-1:0] counts;
  logic [WAYS-1:0] fewest, smallest, place;
  always_comb begin
    for (int i = 0; i < WAYS; i = i + 1)
      counts[i*COUNT_BITS+:COUNT_BITS] = fresh ? '0 : now[i*PLACE+ELEMENT+:COUNT_BITS];
  end
  always_comb begin
    fewest = '1;
    smallest = '1;
    for (int i = 0; i < WAYS; i = i + 1) begin
      if (counts[i*COUNT_BITS+:COUNT_BITS] == '0) smallest[i] = 1'b0;
      for (int j = 0; j < WAYS; j = j + 1) begin
        if (j > i) begin
          if (counts[i*COUNT_BITS+:COUNT_BITS] <= counts[j*COUNT_BITS+:COUNT_BITS]) fewest[j] = 1'b0;
          else fewest[i] = 1'b0;
        end
        if (j > i && counts[i*COUNT_BITS+:COUNT_BITS] != '0 && counts[j*COUNT_BITS+:COUNT_BITS] != '0) begin
          if (now[i*PLACE+META_BITS+:RANK_BITS] <= now[j*PLACE+META_BITS+:RANK_BITS]) smallest[j] = 1'b0;
          else smallest[i] = 1'b0;
        end
      end
    end
  end
  assign place = pop ? smallest : fewest;

  // What is in the chosen place.
  logic [COUNT_BITS-1:0] count;
  logic [ELEMENT-1:0] held;
  logic [WAY_BITS-1:0] way;
  logic stays;
  always_comb begin
    count = '0;
    held = '0;
    way = '0;
    for (int i = 0; i < WAYS; i = i + 1) begin
      count = count | (counts[i*COUNT_BITS+:COUNT_BITS] & {COUNT_BITS{place[i]}});
      held = held | (now[i*PLACE+:ELEMENT] & {ELEMENT{place[i]}});
      way = way | (WAY_BITS'(i) & {WAY_BITS{place[i]}});
    end
  end
  always_comb begin
    least = '0;
    for (int i = 0; i < WAYS; i = i + 1)
      least = least | (now[i*PLACE+:ELEMENT] & {ELEMENT{smallest[i]}});
  end
  assign stays = count != '0 && held[META_BITS+:RANK_BITS] <= element[META_BITS+:RANK_BITS];

  // Beside the place itself a sub-tree of one element is empty.
  assign out_valid = valid && count > (pop ? ONE : '0);
  assign out_pop = pop;
  assign out_fresh = count == ONE;
  assign out_node = {node, way};
  assign out_element = stays ? element : held;

  // Cycle 2 of a pop.
  logic refills;
  logic [WAYS-1:0] refill_place;
  logic [NODE_BITS-1:0] refill_node;
  logic [COUNT_BITS-1:0] refill_count;

  // One place is written; in a node that was empty the others become so.
  logic [WAYS-1:0] write, write_place;
  logic [NODE_BITS-1:0] write_node;
  logic [COUNT_BITS-1:0] write_count;
  logic [ELEMENT-1:0] write_element;
  logic [WAYS*COUNT_BITS-1:0] write_counts;
  assign write_place = refills ? refill_place : place;
  assign write_node = refills ? refill_node : node;
  assign write_count = refills ? refill_count : count + ONE;
  assign write_element = refills ? out_least : stays ? held : element;
  assign write = refills ? refill_place : valid && !pop ? place | {WAYS{fresh}} : '0;
  always_comb begin
    for (int i = 0; i < WAYS; i = i + 1)
      write_counts[i*COUNT_BITS+:COUNT_BITS] = write_count & {COUNT_BITS{write_place[i]}};
  end

  always_ff @(posedge clk) begin
    pop <= in_pop;
    fresh <= in_fresh;
    node <= in_node;
    element <= in_element;
    refill_place <= place;
    refill_node <= node;
    refill_count <= count - ONE;
    passes <= write & {WAYS{write_node == in_node}};
    written <= write_element;
    written_counts <= write_counts;
    valid <= in_valid && !rst;
    refills <= valid && pop && !rst;
  end

  genvar k;
  generate
    for (k = 0; k < WAYS; k = k + 1) begin : places
      logic [PLACE-1:0] memory[0:NODES-1];
      always_ff @(posedge clk) begin
        if (write[k]) memory[write_node] <= {write_counts[k*COUNT_BITS+:COUNT_BITS], write_element};
        read[k*PLACE+:PLACE] <= memory[in_node];
      end
    end
  endgenerate
endmodule
