# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Policies that decide at dequeue, as docs/pifo-language.md defines them: wf2q, drr, htb and hfsc on fractions.

Each is written as its paper has it: a fluid server's starts and finishes, a pointer that walks from class to class, leaves that
climb to the class that lends. Nothing is shared with the compiler.
"""

import math
from fractions import Fraction

from class_changes import renumbered

MOST_OWED = 2**28


def ceil(number):
    return -(-number.numerator // number.denominator)


class Late:
    """Of a node with classes; `node.children` have `peek(now)`, the packet that would leave, or None."""

    def __init__(self, node, policy):
        self.node, self.policy = node, policy
        self.waiting = [0] * len(node.children)
        self.weights = policy.get("weights") or [Fraction(1)] * len(node.children)
        # Those that packets are classified to.
        self.live = range(len(node.children))

    def renumber(self, moved, count):
        """The classes have other numbers, and there are others between them."""
        self.waiting = renumbered(self.waiting, moved, count, lambda: 0)

    def push(self, element, key, packet):
        if self.waiting[key] == 0:
            self.wake(key)
        self.waiting[key] += 1

    def wake(self, key):
        pass

    def adopt(self, policy):
        self.weights, self.live = policy["weights"], policy["live"]

    def is_empty(self):
        return not any(self.waiting)

    def push_out(self, key):
        """The class with the most elements, of equals the last."""
        worst = max(range(len(self.waiting)), key=lambda k: (self.waiting[k], k))
        self.waiting[worst] -= 1
        return self.node.children[worst]

    def cost(self, packet):
        return 1 if self.policy["per_packet"] else packet["length"]

    def active(self):
        return [k for k, number in enumerate(self.waiting) if number]

    def earliest(self, now):
        return now if self.active() else None

    def take(self, key):
        self.waiting[key] -= 1


class Wf2q(Late):
    """Bennett and Zhang, 1997."""

    def __init__(self, node, policy):
        super().__init__(node, policy)
        self.virtual, self.start = Fraction(0), [Fraction(0)] * len(self.waiting)

    def renumber(self, moved, count):
        super().renumber(moved, count)
        self.start = renumbered(self.start, moved, count, lambda: Fraction(0))

    def wake(self, key):
        self.start[key] = max(self.start[key], self.virtual)

    def finish(self, key, packet):
        return self.start[key] + self.cost(packet) * sum(self.weights[k] for k in self.live) / Fraction(self.weights[key])

    def clock(self):
        return max(self.virtual, min(self.start[k] for k in self.active()))

    def decide(self, now):
        if not self.active():
            return None
        started = [k for k in self.active() if self.start[k] <= self.clock()]
        return min(started, key=lambda k: (self.finish(k, self.node.children[k].peek(now)), k))

    def left(self, key, packet, now):
        self.virtual = self.clock() + self.cost(packet)
        self.start[key] = self.finish(key, packet)
        self.take(key)


class Drr(Late):
    """Shreedhar and Varghese, 1995, with a pointer over all classes in place of a list of active ones."""

    def __init__(self, node, policy):
        super().__init__(node, policy)
        # The pointer begins before the first.
        self.at, self.has_turn = -1, False
        self.deficit = [0] * len(self.waiting)

    def renumber(self, moved, count):
        super().renumber(moved, count)
        self.deficit = renumbered(self.deficit, moved, count, lambda: 0)
        self.at = moved[self.at] if self.at >= 0 else -1

    def wake(self, key):
        self.deficit[key] = 0

    def walk(self, now):
        """Where the pointer stops, and the deficits then. Nothing leaves while it walks, so that each class with packets gains its
        quantum a round until one has enough for its first packet: whole rounds are skipped, as quanta may be a byte."""
        active = self.active()
        costs = {k: self.cost(self.node.children[k].peek(now)) for k in active}
        if self.has_turn and self.waiting[self.at] and self.deficit[self.at] >= costs[self.at]:
            return self.at, list(self.deficit)
        gains = {k: self.policy["quantum"] * self.weights[k] for k in active}
        # The pointer goes on before it looks: a class has been visited at least once, the one under it last of all.
        rounds = {k: max(1, ceil(Fraction(costs[k] - self.deficit[k]) / gains[k])) for k in active}
        place = {k: (k - self.at - 1) % len(self.deficit) for k in active}
        stop = min(active, key=lambda k: (rounds[k], place[k]))
        deficit = list(self.deficit)
        for k in active:
            deficit[k] += gains[k] * (rounds[stop] - (place[k] > place[stop]))
        return stop, deficit

    def decide(self, now):
        return self.walk(now)[0] if self.active() else None

    def left(self, key, packet, now):
        # The walk was made while the packet was there.
        self.take(key)
        self.deficit[key] -= self.cost(packet)
        self.has_turn = self.waiting[key] > 0
        if not self.has_turn:
            self.deficit[key] = 0

    def prepare(self, now):
        self.at, self.deficit = self.walk(now)
        self.has_turn = True


class Bucket:
    def __init__(self, rate, burst):
        self.rate, self.burst, self.tokens, self.last = Fraction(rate, 8 * 10**9), burst, Fraction(burst), 0

    def holds(self, now):
        return min(Fraction(self.burst), self.tokens + self.rate * (now - self.last))

    def pay(self, now, length):
        self.tokens, self.last = max(self.holds(now) - length, Fraction(-MOST_OWED)), now

    def adopt(self, rate, burst):
        """What it lacks stays."""
        self.tokens += burst - self.burst
        self.rate, self.burst = Fraction(rate, 8 * 10**9), burst

    def opens(self, now):
        return max(now, now + ceil(-self.holds(now) / self.rate))


class Paced:
    """Packets that do not leave before a time, then by rank; PIEO with times as predicates. All share the clock."""

    clock = [0]

    def __init__(self, policy, bucket):
        self.policy, self.bucket, self.items, self.count = policy, bucket, [], 0
        self.buckets, self.first = {}, policy.get("pace")

    def time_of(self, packet, now):
        if "not_before" in self.policy:
            return packet[self.policy["not_before"]]
        key = packet.get(self.policy["pace_per"])
        if key not in self.buckets:
            # It was full when all began.
            self.buckets[key] = self.bucket(*self.first)
        rate, burst = self.policy["pace"]
        self.buckets[key].rate, self.buckets[key].full = Fraction(rate, 10**9), 8 * burst
        # What packets that were pushed out owe is forgiven beyond 2^62 tokens, of which a byte and a nanosecond are whole numbers.
        release = self.buckets[key].release(packet, now)
        most = Fraction(2**62 * 8 * math.gcd(rate, 8 * 10**9), 8 * 10**9)
        if self.buckets[key].tokens >= -most:
            return release
        self.buckets[key].tokens = -most
        return now + ceil(most / self.buckets[key].rate)

    def push(self, element, key, packet):
        now = self.clock[0]
        rank = key if self.policy["kind"] != "fifo" else 0
        time = self.time_of(packet, now)
        self.items.append((rank, max(time, now), self.count, element))
        self.count += 1

    def ready(self, now):
        return [item for item in self.items if item[1] <= now]

    def earliest(self, now):
        return max(now, min(item[1] for item in self.items)) if self.items else None

    def is_empty(self):
        return not self.items

    def peek(self):
        return min(self.ready(self.clock[0]))[3]

    def pop(self):
        first = min(self.ready(self.clock[0]))
        self.items.remove(first)
        return first[3]

    def push_out(self, key):
        late = [item for item in self.items if item[1] > self.clock[0]]
        worst = max(late, key=lambda item: item[1:3]) if late else max(self.items)
        self.items.remove(worst)
        return worst[3]


class Htb(Late):
    """Classes of htb in htb are one tree; the outermost node decides for all of it."""

    def __init__(self, node, policy):
        super().__init__(node, policy)
        self.depth, above = 0, node.parent
        while above:
            self.depth, above = self.depth + 1, above.parent
        self.rates = [Bucket(*child["rate"]) for child in policy["classes"]]
        self.ceils = [Bucket(*child["ceil"]) for child in policy["classes"]]
        self.priorities = [child["prio"] for child in policy["classes"]]
        # By whether the account is in this node or below, or above.
        self.virtual = {True: Fraction(0), False: Fraction(0)}
        self.finish = {True: [Fraction(0)] * len(self.rates), False: [Fraction(0)] * len(self.rates)}

    def renumber(self, moved, count):
        super().renumber(moved, count)
        self.rates = renumbered(self.rates, moved, count, lambda: None)
        self.ceils = renumbered(self.ceils, moved, count, lambda: None)
        self.finish = {here: renumbered(times, moved, count, lambda: Fraction(0)) for here, times in self.finish.items()}

    def adopt(self, policy):
        super().adopt(policy)
        for k, child in enumerate(policy["classes"]):
            for of, buckets in (("rate", self.rates), ("ceil", self.ceils)):
                if buckets[k]:
                    buckets[k].adopt(*child[of])
                else:
                    buckets[k] = Bucket(*child[of])
        self.priorities = [child["prio"] for child in policy["classes"]]

    def may_send(self, k, now):
        below = self.node.children[k].queue
        return not isinstance(below, Paced) or bool(below.ready(now))

    def chains(self):
        """Of each class that holds packets, the path to it: pairs of a queue and the number of the class there."""
        for k in self.active():
            below = self.node.children[k].queue
            if isinstance(below, Htb):
                for chain in below.chains():
                    yield [(self, k)] + chain
            else:
                yield [(self, k)]

    @staticmethod
    def lender(chain, now):
        """The place in the chain of the class on whose account it sends, or None."""
        for place in reversed(range(len(chain))):
            queue, k = chain[place]
            if queue.ceils[k].holds(now) < 0:
                return None
            if queue.rates[k].holds(now) >= 0:
                return place
        return None

    @staticmethod
    def order(chain, place):
        leaf, k = chain[-1]
        return (0 if place == len(chain) - 1 else 32 - place, leaf.priorities[k])

    def path(self, now):
        """The chain that sends, and the place of its lender."""
        found = [(chain, self.lender(chain, now)) for chain in self.chains() if chain[-1][0].may_send(chain[-1][1], now)]
        found = [pair for pair in found if pair[1] is not None]
        if not found:
            return None
        best = min(self.order(*pair) for pair in found)
        found = [pair for pair in found if self.order(*pair) == best]
        step = 0
        while True:
            queue, here = found[0][0][step][0], found[0][1] >= step
            turn = min({chain[step][1] for chain, _ in found},
                       key=lambda k: (max(queue.finish[here][k], queue.virtual[here]), k))
            found = [pair for pair in found if pair[0][step][1] == turn]
            if len(found) == 1 and step == len(found[0][0]) - 1:
                return found[0]
            step += 1

    @staticmethod
    def pay(now, length, chain, place):
        for step, (queue, k) in enumerate(chain):
            here = place >= step
            queue.ceils[k].pay(now, length)
            queue.rates[k].pay(now, length if here else 0)
            start = max(queue.virtual[here], queue.finish[here][k])
            queue.virtual[here] = start
            queue.finish[here][k] = start + Fraction(length) / queue.weights[k]

    def left(self, key, packet, now):
        self.take(key)

    def earliest(self, now):
        times = []
        for chain in self.chains():
            last, k = chain[-1]
            below = last.node.children[k].queue
            ceiling = below.earliest(now) if isinstance(below, Paced) else now
            for queue, k in reversed(chain):
                ceiling = max(ceiling, queue.ceils[k].opens(now))
                times.append(max(ceiling, queue.rates[k].opens(now)))
        return min(times, default=None)


class Curve:
    """Of a class of hfsc: its service curve, from every time at which the class woke, or the curve became what it is."""

    def __init__(self, pieces, begins=(), served=0):
        self.pieces, (first, span, rest) = pieces, pieces
        self.first, self.span, self.rest = Fraction(first, 8 * 10**9), span, Fraction(rest, 8 * 10**9)
        self.is_convex = first < rest
        self.starts, self.lines, self.served = list(begins), list(begins), served

    def bytes(self, time):
        return self.first * min(time, self.span) + self.rest * max(0, time - self.span)

    def time(self, amount):
        """The earliest time at which the curve has brought that much."""
        knee = self.first * self.span
        if amount <= knee and self.first:
            return amount / self.first
        return self.span + (amount - knee) / self.rest

    def deadline_curve(self, now):
        return min(served + self.bytes(now - time) for time, served in self.starts)

    def wake(self, now):
        self.lines.append((now, self.served))
        if not self.is_convex:
            self.starts.append((now, self.served))
        elif not self.starts or self.deadline_curve(now) >= self.served:
            self.starts = [(now, self.served)]

    def changed(self, pieces, now):
        """The curve with other pieces, which begin now if they are others."""
        return self if pieces == self.pieces else Curve(pieces, [(now, self.served)], self.served)

    def lets(self, now):
        """Of an upper limit: whether what was sent is not beyond it."""
        return self.deadline_curve(now) >= self.served

    def opens(self):
        """The time from which it is not."""
        return ceil(max(Fraction(time) if self.served <= served else time + self.time(self.served - served)
                        for time, served in self.starts))

    def becomes_eligible(self):
        if not self.is_convex:
            return self.opens()
        return ceil(max(time + (self.served - served) / self.rest for time, served in self.lines))

    def is_eligible(self, now):
        if self.is_convex:
            return min(served + self.rest * (now - time) for time, served in self.lines) >= self.served
        return self.deadline_curve(now) >= self.served

    def deadline(self, length):
        return ceil(max(time + self.time(self.served + length - served) for time, served in self.starts))


class Hfsc(Late):
    """Stoica, Zhang and Ng, 1997. Classes of hfsc in hfsc are one tree; the outermost node decides for all of it."""

    def __init__(self, node, policy):
        super().__init__(node, policy)
        self.curves = [Curve(child["real"]) if child.get("real") else None for child in policy["classes"]]
        self.uppers = [Curve(child["upper"]) if child.get("upper") else None for child in policy["classes"]]
        self.virtual, self.start = Fraction(0), [Fraction(0)] * len(self.curves)

    def renumber(self, moved, count):
        super().renumber(moved, count)
        self.curves = renumbered(self.curves, moved, count, lambda: "new")
        self.uppers = renumbered(self.uppers, moved, count, lambda: "new")
        self.start = renumbered(self.start, moved, count, lambda: Fraction(0))

    def adopt(self, policy):
        super().adopt(policy)
        now = Paced.clock[0]
        for k, child in enumerate(policy["classes"]):
            for of, curves in (("real", self.curves), ("upper", self.uppers)):
                pieces = child.get(of)
                if curves[k] == "new":
                    curves[k] = Curve(pieces) if pieces else None
                elif curves[k] and pieces:
                    curves[k] = curves[k].changed(pieces, now)
                else:
                    # What was sent while there was no curve does not matter to it.
                    curves[k] = Curve(pieces, [(now, 0)]) if pieces else None

    def wake(self, key):
        for curves in (self.curves, self.uppers):
            if curves[key]:
                curves[key].wake(Paced.clock[0])
        self.start[key] = max(self.start[key], self.virtual)

    def chains(self):
        for k in self.active():
            below = self.node.children[k].queue
            if isinstance(below, Hfsc):
                for chain in below.chains():
                    yield [(self, k)] + chain
            else:
                yield [(self, k)]

    def may_share(self, k, now):
        """Whether something in the class may be sent by link sharing."""
        below = self.node.children[k].queue
        return (not self.uppers[k] or self.uppers[k].lets(now)) and (
            not isinstance(below, Hfsc) or any(below.may_share(i, now) for i in below.active()))

    def earliest(self, now):
        times = []
        for chain in self.chains():
            queue, k = chain[-1]
            if queue.curves[k]:
                times.append(max(now, queue.curves[k].becomes_eligible()))
            limits = [queue.uppers[k].opens() for queue, k in chain if queue.uppers[k]]
            times.append(max([now] + limits))
        return min(times, default=None)

    def path(self, now):
        """The chain that sends, and whether by its deadline; or None."""
        best = None
        for chain in self.chains():
            queue, k = chain[-1]
            if queue.curves[k] and queue.curves[k].is_eligible(now):
                deadline = queue.curves[k].deadline(queue.node.children[k].peek(now)["length"])
                if best is None or deadline < best[0]:
                    best = deadline, chain
        if best:
            return best[1], True
        chain, queue = [], self
        while True:
            those = [k for k in queue.active() if queue.may_share(k, now)]
            if not those:
                return None
            k = min(those, key=lambda k: (max(queue.start[k], queue.virtual), k))
            chain.append((queue, k))
            below = queue.node.children[k].queue
            if not isinstance(below, Hfsc):
                return chain, False
            queue = below

    @staticmethod
    def pay(now, length, chain, is_real):
        for queue, k in chain:
            if not is_real:
                queue.virtual = max(queue.start[k], queue.virtual)
            # Who had to wait for its limit does not catch up.
            queue.start[k] = max(queue.start[k] + Fraction(length) / queue.weights[k], queue.virtual)
            if queue.uppers[k]:
                queue.uppers[k].served += length
        if is_real:
            queue, k = chain[-1]
            queue.curves[k].served += length

    def left(self, key, packet, now):
        self.take(key)


def pop(root, now):
    """The packet that leaves below nodes that decide late, or None."""
    node, steps, paid = root, [], []
    while isinstance(node.queue, Late):
        queue = node.queue
        if isinstance(queue, (Htb, Hfsc)):
            found = queue.path(now)
            if not found:
                return None
            paid.append((type(queue), *found))
            steps += found[0]
        else:
            if isinstance(queue, Drr):
                queue.prepare(now)
            steps.append((queue, queue.decide(now)))
        queue, k = steps[-1]
        node = queue.node.children[k]
    packet = node.pop()
    for queue, k in steps:
        queue.left(k, packet, now)
    for kind, chain, place in paid:
        kind.pay(now, packet["length"], chain, place)
    return packet


KINDS = {"wf2q": Wf2q, "drr": Drr, "htb": Htb, "hfsc": Hfsc}
