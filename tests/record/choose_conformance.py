"""Chooses a small part of a folder of recorded cases, for the project's own tests.

    python3 choose_conformance.py FROM TO [--bytes N] [--without CASE...]

Of each operator it keeps cases in turn, the smallest first, of as many kinds (variant, dtype, with gradients or not, error
or not) as fit in N bytes."""
import argparse
import json
import os
import struct


def read(path):
    with open(path, "rb") as f:
        raw = f.read()
    n = struct.unpack("<Q", raw[:8])[0]
    head = json.loads(raw[8:8 + n])
    meta = head.pop("__metadata__")
    return meta, json.loads(meta["cases"]), {k: (v, raw[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]]) for k, v in head.items()}


def write(path, meta, cases, tensors):
    head, data = {"__metadata__": dict(meta, cases=json.dumps(cases, separators=(",", ":")))}, b""
    for name, (entry, raw) in tensors.items():
        head[name] = dict(entry, data_offsets=[len(data), len(data) + len(raw)])
        data += raw
    text = json.dumps(head, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def cost(case, tensors):
    own = [t for n, t in tensors.items() if n.startswith(case["name"] + ".")]
    return len(json.dumps(case)) + sum(len(raw) + 90 for _, raw in own)


def choose(cases, tensors, budget):
    kinds = {}
    for c in sorted(cases, key=lambda c: cost(c, tensors)):
        kinds.setdefault((c.get("variant"), c.get("dtype"), "grads" in c, "raises" in c), []).append(c)
    # the largest of the small ones says the most: within a kind from the middle upwards
    queues = [k[len(k) // 3:] + k[:len(k) // 3] for k in kinds.values()]
    kept, used = [], 0
    while any(queues):
        for q in queues:
            if q:
                c = q.pop(0)
                if used + cost(c, tensors) <= budget or not kept:
                    kept.append(c)
                    used += cost(c, tensors)
    return [c for c in cases if c in kept]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("source")
    p.add_argument("target")
    p.add_argument("--bytes", type=int, default=10000)
    p.add_argument("--without", nargs="*", default=[], metavar="CASE", help="cases, or operators, that are left out")
    o = p.parse_args()
    os.makedirs(o.target, exist_ok=True)
    total = 0
    for name in sorted(os.listdir(o.source)):
        meta, cases, tensors = read(os.path.join(o.source, name))
        kept = choose([c for c in cases if c["name"] not in o.without], tensors, o.bytes)
        if meta["op"] in o.without or not kept:
            continue
        names = {c["name"] for c in kept}
        write(os.path.join(o.target, name), meta, kept, {n: t for n, t in tensors.items() if n.rsplit(".", 2)[0] in names})
        total += os.path.getsize(os.path.join(o.target, name))
    print("%d bytes" % total)


main()
