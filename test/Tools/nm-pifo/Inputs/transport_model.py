# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Flows with windows through one queue, from the RFCs and docs/nm-pifo.md, against nm-pifo flows.

usage: transport_model.py [--tool NM_PIFO] [--count N] [--seed S] [--jobs N]

Reno (RFC 5681), CUBIC (RFC 9438), DCTCP (RFC 8257); losses by selective acknowledgements (RFC 6675), timeouts (RFC 6298).
A sender here is sets of packet numbers and recomputes what it needs; the queue is a list with tail drop and a threshold
for marks. Completion times, packets, retransmissions, timeouts and marks of every flow are equal.
"""

import heapq
import json
import math
import os
import random
import subprocess
from fractions import Fraction

from seeds import run

ACK, START, TIMEOUT, LINE = range(4)


class Sender:
    def __init__(self, flow, case):
        self.case, self.size = case, flow["size"]
        self.packets = -(-self.size // case["segment"])
        self.arrived, self.flying, self.lost, self.again = set(), set(), set(), set()
        self.sent_next = 0
        self.cwnd, self.ssthresh = float(case["window"]), math.inf
        self.recover = None
        self.srtt, self.rttvar = flow["rtt"], flow["rtt"] // 2
        self.backoffs, self.deadline = 0, None
        self.counts = {"packets": 0, "sent_again": 0, "timeouts": 0, "marked": 0}
        self.alpha, self.window_end, self.bytes, self.marked_bytes = 1.0, 0, 0, 0
        self.react_after = 0
        self.w_max = self.cwnd_prior = 0.0
        self.epoch, self.after_timeout = None, False

    def length(self, packet):
        return min(self.case["segment"], self.size - packet * self.case["segment"])

    def una(self):
        return next(n for n in range(self.packets + 1) if n not in self.arrived)

    def rto(self):
        base = min(max(self.srtt + max(1, 4 * self.rttvar), self.case["least"]), 60 * 10**9)
        return min(base * 2 ** min(self.backoffs, 16), 60 * 10**9)

    def next(self):
        if len(self.flying) >= int(self.cwnd):
            return None
        if self.lost:
            return min(self.lost)
        return self.sent_next if self.sent_next < self.packets else None

    def send(self, packet, now):
        self.counts["packets"] += 1
        if packet in self.lost:
            self.lost.remove(packet)
            self.again.add(packet)
            self.counts["sent_again"] += 1
        else:
            self.sent_next += 1
        self.flying.add(packet)
        if self.deadline is None:
            self.deadline = now + self.rto()

    # What the windows do.

    def reduce(self):
        flight = self.sent_next - self.una()
        if self.case["control"] == "cubic":
            # Sections 4.6 and 4.7.
            self.cwnd_prior = self.cwnd
            self.w_max = self.cwnd * (1 + 0.7) / 2 if self.cwnd < self.w_max else self.cwnd
            self.ssthresh = max(flight * 0.7, 2.0)
            self.epoch, self.after_timeout = None, False
        else:
            self.ssthresh = max(flight / 2, 2.0)

    def grow(self, flight, now):
        if self.cwnd < self.ssthresh:
            if self.cwnd < 2 * flight:
                self.cwnd += 1
        elif flight >= int(self.cwnd):
            if self.case["control"] == "cubic":
                self.cubic(now)
            else:
                self.cwnd += 1 / self.cwnd

    def cubic(self, now):
        if self.epoch is None:
            self.epoch, self.w_est = now, self.cwnd
            if self.after_timeout:
                self.w_max, self.k = self.cwnd, 0.0
            else:
                self.k = math.cbrt((self.w_max - self.cwnd) / 0.4)

        def curve(time):
            t = time / 1e9 - self.k
            return 0.4 * (t * t * t) + self.w_max

        alpha = 1 if self.w_est >= self.cwnd_prior else 3 * (1 - 0.7) / (1 + 0.7)
        self.w_est += alpha / self.cwnd
        if curve(now - self.epoch) < self.w_est:
            self.cwnd = max(self.cwnd, self.w_est)
            return
        target = min(max(curve(now - self.epoch + self.srtt), self.cwnd), 1.5 * self.cwnd)
        self.cwnd += (target - self.cwnd) / self.cwnd

    def hear_mark(self, packet, marked):
        self.counts["marked"] += marked
        dctcp = self.case["control"] == "dctcp"
        if not dctcp and not self.case["ecn"]:
            return
        self.bytes += self.length(packet)
        self.marked_bytes += self.length(packet) * marked
        una = self.una()
        if una > self.window_end:
            if dctcp:
                self.alpha = self.alpha * (1 - 1 / 16) + 1 / 16 * (self.marked_bytes / self.bytes)
            self.bytes = self.marked_bytes = 0
            self.window_end = self.sent_next
        if marked and self.recover is None and una >= self.react_after:
            self.react_after = self.sent_next
            if dctcp:
                self.cwnd = max(self.cwnd * (1 - self.alpha / 2), 1.0)
                self.ssthresh = max(self.cwnd, 2.0)
            else:
                self.reduce()
                self.cwnd = self.ssthresh

    def acknowledge(self, packet, marked, sent, now):
        if packet in self.arrived:
            return
        flight = len(self.flying)
        self.flying.discard(packet)
        self.lost.discard(packet)
        self.arrived.add(packet)
        sample = now - sent
        self.rttvar = (3 * self.rttvar + abs(self.srtt - sample)) // 4
        self.srtt = (7 * self.srtt + sample) // 8
        self.backoffs = 0
        self.deadline = None if len(self.arrived) == self.packets else now + self.rto()
        if self.recover is not None and self.una() >= self.recover:
            self.recover = None
        may_grow = self.recover is None
        fresh_losses = {n for n in self.flying if n not in self.again and sum(m > n for m in self.arrived) >= 3}
        if fresh_losses:
            self.flying -= fresh_losses
            self.lost |= fresh_losses
            if self.recover is None:
                self.recover = self.sent_next
                self.reduce()
                self.cwnd = self.ssthresh
        self.hear_mark(packet, marked)
        if may_grow and self.recover is None and not marked:
            self.grow(flight, now)

    def time_out(self, now):
        self.counts["timeouts"] += 1
        if self.backoffs == 0:
            self.reduce()
        self.epoch, self.after_timeout = None, True
        self.cwnd = 1.0
        self.backoffs += 1
        self.lost |= self.flying
        self.flying = set()
        self.recover = None
        self.deadline = now + self.rto()


def simulate(flows, case):
    events = [(flow["start"], START, number, None) for number, flow in enumerate(flows)]
    heapq.heapify(events)
    senders, done, line, waits, alarms = {}, {}, {}, set(), {}
    queue, free, now, departures = [], Fraction(0), 0, 0

    def send_all(number):
        sender = senders[number]
        while (packet := sender.next()) is not None:
            if line[number] > now:
                if number not in waits:
                    heapq.heappush(events, (line[number], LINE, number, None))
                waits.add(number)
                break
            length = sender.length(packet) + case["header"]
            if case["access"]:
                line[number] = now + math.ceil(Fraction(8 * length * 10**9, case["access"]))
            sender.send(packet, now)
            if len(queue) < case["capacity"]:
                hears = case["control"] == "dctcp" or case["ecn"]
                queue.append((number, packet, length, now, hears and len(queue) + 1 > case["threshold"]))
        if sender.deadline is not None and sender.deadline < alarms.get(number, math.inf):
            alarms[number] = sender.deadline
            heapq.heappush(events, (sender.deadline, TIMEOUT, number, None))

    received = {number: set() for number in range(len(flows))}
    completed = 0
    while completed < len(flows):
        times = [events[0][0]] if events else []
        if queue:
            times.append(max(now, math.ceil(free)))
        now = min(times)
        while events and events[0][0] <= now:
            time, kind, number, what = heapq.heappop(events)
            if kind == START:
                senders[number], line[number] = Sender(flows[number], case), 0
                send_all(number)
                continue
            flow = number if kind != ACK else what[0]
            sender = senders[flow]
            if sender is None:
                continue
            if kind == LINE:
                waits.discard(flow)
            elif kind == TIMEOUT:
                if alarms.get(flow) != time:
                    continue
                del alarms[flow]
                if sender.deadline is not None and sender.deadline <= now:
                    sender.time_out(now)
            else:
                sender.acknowledge(what[1], what[2], what[3], now)
                if len(sender.arrived) == sender.packets:
                    done[flow].update(sender.counts)
                    senders[flow] = None
                    completed += 1
                    continue
            send_all(flow)
        while queue and math.ceil(free) <= now:
            number, packet, length, sent, marked = queue.pop(0)
            begin = free if math.ceil(free) == now else Fraction(now)
            free = begin + Fraction(8 * length * 10**9, case["rate"])
            end = math.ceil(free)
            flow = flows[number]
            heapq.heappush(events, (end + flow["rtt"], ACK, departures, (number, packet, marked, sent)))
            departures += 1
            received[number].add(packet)
            if number not in done and len(received[number]) == -(-flow["size"] // case["segment"]):
                done[number] = {"completion_ns": end + flow["rtt"] // 2 - flow["start"]}
    return done


def make(seed):
    r = random.Random(seed)
    control = r.choice(["reno", "cubic", "dctcp"])
    capacity = r.choice([3, 8, 20, 60])
    case = {"control": control, "ecn": control != "dctcp" and r.random() < 0.4, "segment": r.choice([100, 1460]),
            "header": r.choice([0, 40]), "window": r.choice([1, 2, 10]), "access": r.choice([0, 10**9, 10**8]),
            "least": r.choice([200_000, 1_000_000]), "rate": r.choice([10**9, 10**8, 77_777_777]), "capacity": capacity,
            "threshold": r.randint(1, capacity)}
    flows, time = [], 0
    for _ in range(r.choice([1, 2, 6])):
        time += r.choice([0, r.randint(0, 3_000_000)])
        flows.append({"start": time, "size": r.choice([1, 1460, r.randint(1, 20_000), r.randint(1, 400 * case["segment"])]),
                      "rtt": r.choice([100_000, r.randint(1, 200_000)])})
    return case, flows


def check(tool, seed, folder):
    case, flows = make(seed)
    path = {name: os.path.join(folder, name) for name in ("p.policy", "f.csv", "r.json")}
    marks = case["control"] == "dctcp" or case["ecn"]
    with open(path["p.policy"], "w") as file:
        file.write(f"scheduler s capacity {case['capacity']} full refuse\nfield ecn bits 2\nfifo"
                   + (f" mark above {case['threshold']} packets ecn ecn" if marks else "") + "\n")
    with open(path["f.csv"], "w") as file:
        file.write("time,size,rtt\n" + "".join(f"{f['start']},{f['size']},{f['rtt']}\n" for f in flows))
    options = ["--control", case["control"], "--segment", case["segment"], "--header", case["header"], "--window",
               case["window"], "--access", case["access"], "--least-timeout", f"{case['least']}ns", "--rate", case["rate"]]
    run = subprocess.run([tool, "flows", "--policy", path["p.policy"], path["f.csv"], "--quiet", "--json", path["r.json"],
                          *map(str, options), *(["--ecn"] if case["ecn"] else [])], capture_output=True, text=True)
    if run.returncode:
        return run.stderr
    with open(path["r.json"]) as file:
        found = json.load(file)["policies"][0]["flows"]
    want = simulate(flows, case)
    for row in found:
        model = want[row["flow"]]
        got = {name: row[name] for name in model}
        if got != model:
            return f"flow {row['flow']} of {len(flows)}, {case}: {got}, in the model {model}"
    return None


if __name__ == "__main__":
    run(check, 40)
