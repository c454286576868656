# Part of nm, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Policies as docs/pifo-language.md defines them, on numbers without bounds.

Written from that page and from "What happens" of docs/nm-pifo.md: queues are lists, virtual times
and tokens are fractions, round robin has a turn pointer and queues. Nothing is shared with the
compiler, and nothing is fast.
"""

import bisect
import heapq
import math
from fractions import Fraction

import class_changes
import late_model


class Queue:
    """Elements in the order of their ranks, equal ones in the order of their arrival."""

    def __init__(self):
        self.items, self.count = [], 0

    def insert(self, rank, element):
        bisect.insort(self.items, (rank, self.count, element))
        self.count += 1

    def first(self):
        rank, _, element = self.items.pop(0)
        return rank, element

    def last(self):
        rank, _, element = self.items.pop()
        return rank, element

    def push_out(self, key):
        return self.last()[1]

    def peek(self):
        return self.items[0][2]

    def is_empty(self):
        return not self.items


class Fifo(Queue):
    def push(self, element, key, packet):
        self.insert(0, element)

    def pop(self):
        return self.first()[1]


class ByKey(Fifo):
    """edf, priority and strict: the smallest key first."""

    def push(self, element, key, packet):
        self.insert(key, element)

    def renumber(self, moved, count):
        self.items = [(moved[rank], number, element) for rank, number, element in self.items]


class InOrder(ByKey):
    """pFabric, section 4.1: the first packet of the flow that the best packet is of."""

    def __init__(self, field):
        super().__init__()
        self.field = field

    def served(self):
        flow = self.items[0][2][self.field]
        return min((item for item in self.items if item[2][self.field] == flow), key=lambda item: item[1])

    def peek(self):
        return self.served()[2]

    def pop(self):
        item = self.served()
        self.items.remove(item)
        return item[2]


class Fair(Queue):
    """Start-time fair queueing: an element starts where its flow's last one ends, or now."""

    def __init__(self, weights, per_packet):
        super().__init__()
        self.weights, self.per_packet = weights, per_packet
        self.virtual, self.finish = Fraction(0), {}

    def push(self, element, key, packet):
        start = max(self.virtual, self.finish.get(key, 0))
        cost = 1 if self.per_packet else packet["length"]
        weight = self.weights[key] if self.weights else 1
        self.finish[key] = start + Fraction(cost) / weight
        self.insert(start, element)

    def pop(self):
        self.virtual, element = self.first()
        return element

    def renumber(self, moved, count):
        self.finish = {moved[key]: finish for key, finish in self.finish.items()}

    def push_out(self, key):
        start, element = self.last()
        self.finish[key(element)] = start
        return element


class RoundRobin:
    """The pointer goes around the flows, from before the first; each that has an element gives one."""

    def __init__(self, flows):
        self.queues, self.pointer, self.flows = {}, -1, flows

    def renumber(self, moved, count):
        self.queues = {moved[key]: queue for key, queue in self.queues.items()}
        self.pointer, self.flows = moved[self.pointer] if self.pointer >= 0 else -1, count

    def is_empty(self):
        return not self.queues

    def peek(self):
        return self.queues[min(self.queues, key=self.turns)][0]

    def turns(self, key):
        """How far the pointer is from a flow, without the whole rounds before."""
        return (key - self.pointer - 1) % self.flows

    def push_out(self, key):
        """What would leave last if nothing came: the last turn of the most rounds."""
        worst = max(self.queues, key=lambda k: (len(self.queues[k]), self.turns(k)))
        element = self.queues[worst].pop()
        if not self.queues[worst]:
            del self.queues[worst]
        return element

    def push(self, element, key, packet):
        self.queues.setdefault(key, []).append(element)

    def pop(self):
        key = min(self.queues, key=self.turns)
        self.pointer = key
        element = self.queues[key].pop(0)
        if not self.queues[key]:
            del self.queues[key]
        return element


class Bucket:
    """Figure 4 of the PIFO paper; tokens are bits, times whole nanoseconds."""

    def __init__(self, rate, burst):
        self.rate, self.full = Fraction(rate, 10**9), 8 * burst
        self.tokens, self.last = Fraction(self.full), 0

    def release(self, packet, now):
        self.tokens = min(self.tokens + self.rate * (now - self.last), self.full)
        self.last = now
        self.tokens -= 8 * packet["length"]
        debt = max(0, -self.tokens) / self.rate
        return now + -(-debt.numerator // debt.denominator)


class Codel:
    """RFC 8289 for one packet at a time. `pending`: what the call that dropped the packet before has still to say."""

    def __init__(self, target, interval, mtu, ecn):
        self.target, self.interval, self.mtu, self.ecn = target, interval, mtu, ecn
        self.above = self.next = self.count = self.last = 0
        self.dropping, self.pending = False, None

    def law(self, time):
        return time + math.isqrt(self.interval**2 // self.count)

    def is_late(self, packet, behind, now):
        if now - packet["time"] < self.target or behind <= self.mtu:
            self.above = 0
        elif self.above == 0:
            self.above = now + self.interval
        else:
            return now >= self.above
        return False

    def sends(self, packet, behind, now):
        late, pending = self.is_late(packet, behind, now), self.pending
        self.pending = None
        if pending == "send":
            return True
        marks = bool(self.ecn and packet[self.ecn])
        if not self.dropping:
            if not late:
                return True
            more = self.count - self.last
            self.count = self.last = more if more > 1 and now - self.next < 16 * self.interval else 1
            self.next, self.dropping = self.law(now), True
            self.pending = None if marks else "send"
            return marks and mark(packet, self.ecn)
        self.dropping = late
        if late and pending == "again":
            self.next = self.law(self.next)
        if not late or now < self.next:
            return True
        self.count += 1
        if marks:
            self.next = self.law(self.next)
        else:
            self.pending = "again"
        return marks and mark(packet, self.ecn)


class Random:
    """Knuth's MMIX generator."""

    def __init__(self, seed):
        self.x = seed

    def bits(self, count):
        self.x = (self.x * 6364136223846793005 + 1442695040888963407) % 2**64
        return self.x >> (64 - count)


def faded(number, factor, times):
    """The number times the factor (of 2^32) to that power, as docs/pifo-language.md rounds it."""
    for bit in reversed(f"{times:b}"):
        if bit == "1":
            number = number * factor >> 32
        factor = factor * factor >> 32
    return number


class Red:
    """Floyd and Jacobson, Figures 2 and 17 of the paper of 1993; one for each queue, with the dice of the policy."""

    def __init__(self, rule, dice):
        self.rule, self.dice, self.average, self.count, self.used = rule, dice, 0, -1, 0

    def chance(self):
        """Of a drop, in 2^-24: 0 to 2^24, or None for a sure one."""
        low, high, most, n = (self.rule[name] for name in ("min", "max", "probability", "over"))
        if self.average < high * n:
            return math.floor(Fraction(most * (self.average - low * n), (high - low) * n))
        if not self.rule["gentle"] or self.average >= 2 * high * n:
            return None
        return most + math.floor(Fraction((2**24 - most) * (self.average - high * n), high * n))

    def takes(self, packet, queue, now):
        n = self.rule["over"]
        if queue:
            self.average += queue - self.average // n
        else:
            times = min((now - self.used) // self.rule["idle"], 2**32 - 1)
            self.average = faded(self.average, (n - 1) * 2**32 // n, times)
        self.used = now
        if self.average < self.rule["min"] * n:
            self.count = -1
            return True
        chance = self.chance()
        if chance is None:
            self.count = 0
            return False
        self.count = min(self.count + 1, 2**24)
        dice = Fraction(self.dice.bits(32), 2**32)
        # pa = pb / (1 - count * pb)
        rest = 1 - self.count * Fraction(chance, 2**24)
        if rest > 0 and dice >= Fraction(chance, 2**24) / rest:
            return True
        self.count = 0
        return mark(packet, self.rule["ecn"])


class Step:
    """RFC 8257, section 3.1: by the queue of the moment, the packet that comes included."""

    def __init__(self, rule, dice):
        self.rule = rule

    def takes(self, packet, queue, now):
        if queue + (packet["length"] if self.rule["bytes"] else 1) > self.rule["most"]:
            mark(packet, self.rule["ecn"])
        return True


class Pie:
    """RFC 8033, sections 4 and 5.1, on fractions; delays are those of the packet that left last."""

    def __init__(self, rule, dice):
        self.rule, self.dice = rule, dice
        self.delay = self.old = self.burst = self.updated = 0
        self.probability = Fraction(0)

    def update(self, now):
        periods = (now - self.updated) // self.rule["update"]
        if periods == 0:
            return
        self.updated += periods * self.rule["update"]
        periods = min(periods, 2**16 - 1)
        change = (Fraction(1, 8) * (self.delay - self.rule["target"]) * periods
                  + Fraction(5, 4) * (self.delay - self.old)) / 10**9
        for below, divisor in (6, 2048), (5, 512), (4, 128), (3, 32), (2, 8), (1, 2):
            if self.probability < Fraction(1, 10**below):
                change /= divisor
                break
        self.probability = min(max(self.probability + change, Fraction(0)), Fraction(1))
        if self.delay == 0 and self.old == 0:
            unit = 2048 * 8 * 10**9
            self.probability = Fraction(faded(int(self.probability * unit), 63 * 2**26, periods), unit)
        self.burst = max(0, self.burst - periods * self.rule["update"])
        self.old = self.delay

    def left(self, packet, behind, now):
        self.delay = min(now - packet["time"], 2**32 - 1) if behind else 0
        self.update(now)

    def takes(self, packet, queue, now):
        if queue == 0:
            self.delay = 0
        self.update(now)
        half = Fraction(self.rule["target"], 2)
        if self.burst == 0 and not (self.old < half and self.probability < Fraction(1, 5)) and queue > 2 * 1024:
            if Fraction(self.dice.bits(40), 2**40) < self.probability:
                if self.probability >= Fraction(1, 10) or not mark(packet, self.rule["ecn"]):
                    return False
        if self.probability == 0 and self.delay < half and self.old < half:
            self.burst = self.rule["burst"]
        return True


def mark(packet, field):
    if not field or packet[field] == 0:
        return False
    packet[field] = 3
    return True


class Node:
    def __init__(self, policy, parent=None, number=0):
        self.parent, self.number, self.field, self.name = parent, number, policy.get("field"), policy.get("name")
        self.policy = policy
        kind = policy["kind"]
        self.children = [Node(child, self, i) for i, child in enumerate(policy.get("classes", []))]
        # Those that packets are classified to.
        self.live = [(child, part.get("when")) for child, part in zip(self.children, policy.get("classes", []))]
        if "not_before" in policy or "pace" in policy:
            self.queue = late_model.Paced(policy, Bucket)
        elif kind == "fifo":
            self.queue = Fifo()
        elif kind == "wfq":
            self.queue = Fair(policy.get("weights"), policy["per_packet"])
        elif kind == "rr":
            self.queue = RoundRobin(len(self.children) or policy["flows"])
        elif "in_order" in policy:
            self.queue = InOrder(policy["in_order"])
        elif kind in late_model.KINDS:
            self.queue = late_model.KINDS[kind](self, policy)
        else:
            self.queue = ByKey()
        self.bucket = Bucket(*policy["shape"]) if "shape" in policy else None
        self.codel, self.codel_field, self.codels = policy.get("codel"), policy.get("codel_per"), {}
        self.early = policy.get("red") or policy.get("pie") or policy.get("step")
        self.kind, self.early_queues = (Red if policy.get("red") else Pie if policy.get("pie") else Step), {}
        self.dice = Random(self.early.get("seed", 0)) if self.early else None
        # (kind, number, field): what is inside is counted from the list of all packets.
        self.limits = policy.get("limits", [])

    def is_empty(self):
        return self.queue.is_empty()

    def adopt(self, policy):
        """Other classes, weights, rates and limits take the place of these; what waits keeps its place."""
        self.limits = policy.get("limits", [])
        if self.bucket:
            rate, burst = policy["shape"]
            self.bucket.rate, self.bucket.full = Fraction(rate, 10**9), 8 * burst
        if self.children:
            parts = {part["name"]: part for part in policy["classes"]}
            for child in class_changes.place(self, policy, lambda part, i: Node(part, self, i)):
                child.adopt(parts[child.name])
            policy = self.policy = class_changes.whole(self, policy, self.policy)
        if isinstance(self.queue, late_model.Paced):
            self.queue.policy = policy
        elif isinstance(self.queue, Fair):
            self.queue.weights = policy.get("weights")
        elif isinstance(self.queue, late_model.Late):
            self.queue.adopt(policy)

    def peek(self, now):
        """The packet that would leave."""
        late = isinstance(self.queue, late_model.Late)
        first = self.children[self.queue.decide(now)] if late else self.queue.peek()
        return first.peek(now) if isinstance(first, Node) else first

    def pop(self):
        element = self
        while isinstance(element, Node):
            element = element.queue.pop()
        return element

    def push_out(self):
        """The packet at the other ends of the queues."""
        # Before it is known which packet goes, a queue of classes knows which class.
        if not self.children:
            return self.queue.push_out(lambda packet: packet[self.field])
        return self.queue.push_out(lambda child: child.number).push_out()

    def sends(self, packet, inside, now):
        if not self.codel:
            return True
        key = packet.get(self.codel_field)
        behind = sum(p["length"] for p in inside if self in p["path"] and p.get(self.codel_field) == key)
        return self.codels.setdefault(key, Codel(*self.codel)).sends(packet, behind - packet["length"], now)

    def early_queue(self, packet):
        key = packet.get(self.early["per"])
        return self.early_queues.setdefault(key, self.kind(self.early, self.dice))

    def queue_of(self, packet, inside):
        mine = [p for p in inside if self in p["path"] and p.get(self.early["per"]) == packet.get(self.early["per"])]
        return sum(p["length"] if self.early.get("bytes", True) else 1 for p in mine)

    def left(self, packet, inside, now, sent):
        """A packet leaves, or is pushed out; it is still inside."""
        if not self.early:
            return
        if self.kind is Red:
            self.early_queue(packet).used = now
        elif sent and self.kind is Pie:
            self.early_queue(packet).left(packet, self.queue_of(packet, inside) - packet["length"], now)

    def fits(self, packet, inside, room, now):
        early = not self.early or self.early_queue(packet).takes(packet, self.queue_of(packet, inside), now)
        return self.within_limits(packet, inside, room) and early

    def within_limits(self, packet, inside, room):
        for kind, number, field in self.limits:
            mine = [p for p in inside if self in p["path"] and
                    (field is None or p[field] == packet[field])]
            if kind == "packets" and len(mine) + 1 > number:
                return False
            if kind == "bytes" and sum(p["length"] for p in mine) + packet["length"] > number:
                return False
            if kind == "share" and not len(mine) < number * room:
                return False
        return True

    def leaf(self, packet):
        for child, when in self.live:
            if when is None or when(packet):
                return child.leaf(packet)
        return self


class Scheduler:
    def __init__(self, program):
        self.root, self.capacity, self.fields = (Node(program["policy"]), program["capacity"],
                                                 program["fields"])
        self.inside, self.suspended, self.count = [], [], 0
        # By leaf, what became of its packets.
        self.tallies = {}
        self.push_out, self.pushed_out, self.dropped = program["push_out"], 0, 0

    def below(self, node):
        return sum((self.below(child) for child in node.children), []) or [node]

    @property
    def counts(self):
        """Of the leaves, in their order."""
        return [self.tallies.get(leaf, {}) for leaf in self.below(self.root)]

    @staticmethod
    def name_of(leaf):
        names = []
        while leaf.parent:
            names.insert(0, leaf.name)
            leaf = leaf.parent
        return ".".join(names) or "root"

    def tally(self, packet, name, by=1):
        # A packet that is inside stays in its class.
        leaf = packet["path"][0] if "path" in packet else self.root.leaf(packet)
        counts = self.tallies.setdefault(leaf, {})
        counts[name] = counts.get(name, 0) + by

    def arrive(self, packet, now):
        cause = self.enqueue(packet, now)
        if cause != "unknown":
            self.tally(packet, "arrived")
        if cause in ("full", "rule"):
            self.tally(packet, cause)
        return cause

    def enqueue(self, packet, now):
        """'full' or 'unknown' if the packet is refused."""
        if any(packet[name] > most for name, most in self.fields.items()):
            return "unknown"
        room = self.capacity - len(self.inside)
        if room == 0 and (not self.push_out or self.root.is_empty()):
            return "full"
        node = self.root.leaf(packet)
        packet["path"], above = [node], node.parent
        while above:
            packet["path"].append(above)
            above = above.parent
        if not all(each.fits(packet, self.inside, room, now) for each in packet["path"]):
            return "rule"
        self.inside.append(packet)
        node.queue.push(packet, packet.get(node.field), packet)
        self.go_on(node, packet, now)
        if room == 0:
            worst = self.root.push_out()
            worst["path"][0].left(worst, self.inside, now, False)
            self.remove(worst)
            if worst is packet:
                return "full"
            self.pushed_out += 1
            self.tally(worst, "pushed_out")
        return None

    def remove(self, packet):
        self.inside = [p for p in self.inside if p is not packet]

    def go_on(self, node, packet, now):
        """The node has a new element; those above learn of it."""
        while True:
            if node.bucket:
                heapq.heappush(self.suspended,
                               (node.bucket.release(packet, now), self.count, node, packet))
                self.count += 1
                return
            if not node.parent:
                return
            node.parent.queue.push(node, node.number, packet)
            node = node.parent

    def release(self, now):
        while self.suspended and self.suspended[0][0] <= now:
            _, _, node, packet = heapq.heappop(self.suspended)
            node.parent.queue.push(node, node.number, packet)
            self.go_on(node.parent, packet, now)

    def may_dequeue(self):
        return not self.root.is_empty()

    def earliest(self, now):
        """The first time from `now` on at which something may leave, or None."""
        if isinstance(self.root.queue, late_model.Late):
            return self.root.queue.earliest(now)
        if isinstance(self.root.queue, late_model.Paced):
            return self.root.queue.earliest(now)
        return now if self.may_dequeue() else None

    def dequeue(self, now):
        """None if all that might leave was dropped."""
        while not self.root.is_empty():
            if isinstance(self.root.queue, late_model.Late):
                element = late_model.pop(self.root, now)
                if element is None:
                    return None
            elif self.earliest(now) != now:
                return None
            else:
                element = self.root.pop()
            sent = element["path"][0].sends(element, self.inside, now)
            element["path"][0].left(element, self.inside, now, True)
            self.remove(element)
            if sent:
                return element
            self.dropped += 1
            self.tally(element, "leaving")
        return None


def simulate(program, packets, rate, changes=()):
    """Departures as (time, arrival, number, codepoint), the refused by cause, and how many were pushed out and dropped as they
    left, and the scheduler.

    `packets` have a time; `changes` are pairs of a time and a policy."""
    class_changes.settle([program["policy"]] + [policy for _, policy in changes])
    scheduler = Scheduler(program)
    departures, refused = [], {"full": 0, "unknown": 0, "rule": 0}
    changes = list(changes)
    free, at, now = Fraction(0), 0, 0
    while True:
        times = []
        if at < len(packets):
            times.append(packets[at]["time"])
        if scheduler.suspended:
            times.append(max(now, scheduler.suspended[0][0]))
        leaves = scheduler.earliest(max(now, -(-free.numerator // free.denominator)))
        if leaves is not None:
            times.append(leaves)
        if not times:
            return departures, refused, (scheduler.pushed_out, scheduler.dropped), scheduler
        if changes:
            times.append(max(now, changes[0][0]))
        now = min(times)
        if now >= 1 << 62:
            return None, None, None, None
        late_model.Paced.clock[0] = now
        while changes and changes[0][0] <= now:
            scheduler.root.adopt(changes.pop(0)[1])
        while at < len(packets) and packets[at]["time"] == now:
            cause = scheduler.arrive(dict(packets[at], number=at), now)
            if cause:
                refused[cause] += 1
            at += 1
        scheduler.release(now)
        while scheduler.may_dequeue() and free <= now:
            packet = scheduler.dequeue(now)
            if packet is None:
                break
            departures.append((now, packet["time"], packet["number"], packet.get("ecn")))
            scheduler.tally(packet, "departed")
            scheduler.tally(packet, "bytes", packet["length"])
            scheduler.tally(packet, "marked", packet.get("ecn") != packets[packet["number"]].get("ecn"))
            # A packet that follows another without a gap begins in the middle of a tick.
            begin = free if free > now - 1 else Fraction(now)
            free = begin + (Fraction(packet["length"] * 8 * 10**9, rate) if rate else 0)
            if not rate:
                free = Fraction(now + 1)
