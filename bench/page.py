"""The table of bench/compare, as text and as docs/performance.md."""
import glob
import os
import platform
import re
import statistics
import subprocess
import time

from bars import base, bars_of

SIDES = ("default", "one", "tuned")
NOTES = ("<!-- notes: from here to the end of notes is written by hand, and kept by bench/compare -->", "<!-- end of notes -->")


def seconds_text(s):
    for unit, scale in (("s", 1), ("ms", 1e-3), ("us", 1e-6)):
        if s >= scale:
            return f"{s / scale:.3g} {unit}"
    return f"{s * 1e9:.3g} ns"


def ratio_text(r):
    return f"{r:.0f}" if r >= 100 else f"{r:.2g}" if r >= 10 else f"{r:.2f}"


class Row:
    """A case: medians over its rounds, None where something was not measured."""

    def __init__(self, name, lines, limits):
        self.name = name
        mine = [x for x in lines if x["case"] == name and x["side"] == "facula"]
        self.measured = bool(mine)
        self.seconds = statistics.median(x["seconds"] for x in mine) if mine else None
        self.megabytes = statistics.median(x["peak_rss_MB"] for x in mine) if mine else None
        self.unit = mine[-1]["unit"] if mine else ""
        self.torch, self.torch_megabytes = {}, None
        for side in SIDES:
            theirs = [x for x in lines if x["case"] == base(name) and x["side"] == side]
            if theirs:
                self.torch[side] = statistics.median(x["seconds"] for x in theirs)
                if side == "default":
                    self.torch_megabytes = statistics.median(x["peak_rss_MB"] for x in theirs)
        # The best of some of the set-ups would flatter us.
        self.best = min(self.torch.values()) if len(self.torch) == len(SIDES) else None
        self.ratio = self.best / self.seconds if self.best and self.seconds else None
        work, kind = (mine[-1].get("work"), mine[-1].get("work_kind")) if mine else (None, None)
        self.limit = self.percent = None
        if work:
            bounds = [(work / rate, x["seconds"]) for x in mine for rate in [limits.rate(kind, work, x["run"])] if rate]
            if bounds:
                self.limit = statistics.median(limit for limit, _ in bounds)
                self.percent = statistics.median(100 * limit / seconds for limit, seconds in bounds)
        self.disturbed = max([x.get("others", 0) for x in mine], default=0) > 0.15

    def verdicts(self):
        """(what the bar says, whether it is met, what was reached instead) for each bar of the case."""
        result = []
        for kind, want in bars_of(self.name).items():
            got = {"ratio": self.ratio, "percent": self.percent, "seconds": self.seconds, "MB": self.megabytes}[kind]
            if got is None:
                continue
            if kind == "ratio":
                result.append((f"{want:g}x", got >= want, f"{ratio_text(got)}x PyTorch's best, {max(1, round(100 * (1 - got / want)))} % short of {want:g}x"))
            elif kind == "percent":
                result.append((f"{want} %", got >= want, f"{got:.0f} % of the limit, not {want} %"))
            elif kind == "seconds":
                result.append((f"{seconds_text(want)}", got <= want, f"{seconds_text(got)}, not {seconds_text(want)}"))
            else:
                result.append((f"{want} MB", got <= want, f"{got:.1f} MB, not {want} MB"))
        return result

    def cells(self):
        verdicts = self.verdicts()
        return [self.name, seconds_text(self.seconds)] + \
            [seconds_text(self.torch[s]) if s in self.torch else "" for s in SIDES] + \
            [ratio_text(self.ratio) if self.ratio else "", seconds_text(self.limit) if self.limit else "",
             f"{self.percent:.0f} %" if self.percent else "", ", ".join(v[0] for v in verdicts),
             "" if not verdicts else "yes" if all(v[1] for v in verdicts) else "no"]


class Limits:
    """What bench/peak measured: the best of its repeats, since what is slower was disturbed."""

    def __init__(self, lines, threads):
        self.lines = [x for x in lines if x["case"] == "limits" and x["threads"] == threads]
        self.all = [x for x in lines if x["case"] == "limits"]

    def rate(self, kind, work, run):
        """Per second, as it was in that run. Small work stays in a cache, and its limit is that of the cache."""
        level = "registers" if kind == "flops" else \
            "cache_768K" if work < 1.5e6 else "cache_12M" if work < 24e6 else "memory_192M"
        return max((x["best"] for x in self.lines if x["level"] == level and x["run"] == run), default=0) * 1e9


class Table:
    HEAD = ["case", "facula", "PyTorch as shipped", "1 thread", "tuned", "ratio", "limit", "of it", "bar", "met"]

    def __init__(self, lines, order, threads):
        self.lines = [x for x in lines if "side" in x]
        self.limits = Limits(self.lines, threads)
        self.threads = threads
        self.rows = [r for r in (Row(name, self.lines, self.limits) for name in order) if r.measured]

    def text(self, names):
        cells = [self.HEAD] + [r.cells() for r in self.rows if r.name in names]
        widths = [max(len(c[i]) for c in cells) for i in range(len(self.HEAD))]
        return "\n".join("  ".join(c[i].ljust(w) if i == 0 else c[i].rjust(w) for i, w in enumerate(widths)) for c in cells)

    def markdown(self):
        body = [self.HEAD, ["---"] + ["---:"] * 7 + ["---", "---"]] + [r.cells() for r in self.rows if r.torch]
        return "\n".join("| " + " | ".join(c) + " |" for c in body)

    def programs(self):
        out = ["| program | facula | PyTorch | bar | met |", "| --- | ---: | ---: | --- | --- |"]
        torch = {r.name: r for r in self.rows}
        for name, text, other in (("program_xor", "peak memory of `examples/xor`", "lesson_xor"),
                                  ("program_mlp", "peak memory of `examples/fashion --model mlp`", "mlp_fashion_b64")):
            if name in torch:
                row, peer = torch[name], torch.get(other)
                verdict = row.verdicts()[0]
                theirs = f"{peer.torch_megabytes:.0f} MB" if peer and peer.torch_megabytes else ""
                out.append(f"| {text} | {row.megabytes:.1f} MB | {theirs} | {verdict[0]} | {'yes' if verdict[1] else 'no'} |")
        return "\n".join(out)

    def rounds(self):
        return 1 + max((x["round"] for x in self.lines), default=0)

    def limits_table(self):
        figures = {}  # in the order in which peak tells them
        for x in self.limits.all:
            figures.setdefault((x["what"], x["level"], x["threads"], x["unit"]), []).append(x["best"])
        out = ["| what | where | threads | median of the runs | least | most |", "| --- | --- | ---: | ---: | ---: | ---: |"]
        out += [f"| {what} | {level} | {threads} | {statistics.median(b):.4g} {unit} | {min(b):.4g} | {max(b):.4g} |"
                for (what, level, threads, unit), b in figures.items()]
        return "\n".join(out)

    def gaps(self):
        out = []
        for row in self.rows:
            missed = [v[2] for v in row.verdicts() if not v[1]]
            if "ratio" in bars_of(row.name) and row.ratio is None:
                missed.append("not all of PyTorch's set-ups were measured")
            other = next((r for r in self.rows if r is not row and base(r.name) == base(row.name) and r.verdicts()
                          and all(v[1] for v in r.verdicts())), None)
            if missed:
                out.append(f"- `{row.name}`: " + "; ".join(missed) + (f" (`{other.name}` meets its bar)" if other else "") +
                           ("; other processes used the machine meanwhile" if row.disturbed else ""))
        return "\n".join(out) or "Every bar of a case that was measured is met."


# ---- the machine ------------------------------------------------------------------------------------------------

def first_line(command):
    try:
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.splitlines()[0]
    except (OSError, IndexError):
        return ""


def machine(table, args):
    info = {}
    with open("/proc/cpuinfo") as f:
        for line in f:
            key, _, value = line.partition(":")
            info.setdefault(key.strip(), value.strip())
    with open("/proc/meminfo") as f:
        memory = int(f.readline().split()[1]) / (1 << 20)
    caches = []
    for level in sorted(glob.glob("/sys/devices/system/cpu/cpu0/cache/index*")):
        def read(name, level=level):
            with open(os.path.join(level, name)) as f:
                return f.read().strip()
        if read("type") != "Instruction":
            caches.append(f"L{read('level')} {read('size')}")
    flags = [x for x in ("avx2", "fma", "avx512f") if x in info.get("flags", "").split()]
    compiler = "cc"
    cache = os.path.join(os.path.dirname(args.bench), "CMakeCache.txt")
    if os.path.exists(cache):
        with open(cache) as f:
            text = f.read()
        found = re.search(r"^CMAKE_C_COMPILER:\w+=(.*)$", text, re.M)
        compiler = found.group(1) if found else compiler
    mine = [x for x in table.lines if x["side"] == "facula"]
    theirs = [x for x in table.lines if x["side"] in SIDES]
    blas = [os.path.basename(x) for x in glob.glob(os.path.join(args.openblas, "libopenblas*-r*.so"))]
    commits = list(dict.fromkeys(x.get("commit") or "?" for x in mine))
    when = sorted(x["when"] for x in table.lines)
    return "\n".join([
        f"- **When**: {when[0]} to {when[-1]}" if when else "- **When**: nothing was measured",
        f"- **Processor**: {info.get('model name', platform.machine())} (family {info.get('cpu family', '?')}, model "
        f"{info.get('model', '?')}), {os.cpu_count()} cores, {', '.join(flags) or platform.machine()}; {', '.join(caches)}; "
        f"{memory:.0f} GiB of memory" + ("; a virtual machine" if "hypervisor" in info.get("flags", "").split() else ""),
        f"- **System**: {platform.system()} {platform.release().split('-')[0]}, glibc {platform.libc_ver()[1]}, {first_line([compiler, '--version'])}",
        f"- **facula**: {mine[-1]['facula'] if mine else '?'} at {', '.join(commits)}, kernels for {mine[-1]['isa'] if mine else '?'}",
        f"- **PyTorch**: {theirs[-1]['torch'] if theirs else '?'}" + (f"; tuned with {blas[0]}" if blas else ""),
        f"- **Threads**: {table.threads}, where it does not say 1",
    ])


def kept_notes(path):
    if os.path.exists(path):
        with open(path) as f:
            text = f.read()
        a, b = text.find(NOTES[0]), text.find(NOTES[1])
        if a >= 0 and b > a:
            return text[a + len(NOTES[0]):b].strip("\n")
    return "Nothing has been written here yet."


def write(path, table, args):
    text = f"""# Performance

What facula takes beside PyTorch, and how far it is from what the machine can do. `bench/compare --write` measures and
writes this page, but for the notes in it; [bench/README.md](../bench/README.md) says how. Written on {time.strftime('%Y-%m-%d')}.

{machine(table, args)}

Times are medians of many repeats, and of the rounds ({table.rounds()}) in which the sides were timed in turn. Differences below 20 %
mean little on a virtual machine that others share. PyTorch's three set-ups are: as it is shipped; with one thread; tuned,
the strongest there is: an OpenMP build of OpenBLAS, so that there is one pool of threads, and glibc told to keep freed
memory and to use huge pages. *ratio* is the best of these three divided by facula's time. *limit* is the time that the
arithmetic takes at the machine's best rate of multiply-adds, or the bytes (each input read once, each output written once)
at its best rate of memory, or of the cache where all fits into that; *of it* is how near facula comes. *bar* is what the
project wants (`bench/bars.py`): a ratio, a share of the limit, or a time. `_captured` is the same step replayed from a plan;
PyTorch's times beside it are those of its eager step. Times in the bars of networks are KANN's, and for GPT-2 a third of
llm.c's, as they were measured on an older processor (two cores of Zen 3).

## Beside PyTorch

{table.markdown()}

## Programs

{table.programs()}

PyTorch's memory is that of the same work in Python. `import_time` above is a process that starts and prints one tensor.

## Where a bar is not reached

{table.gaps()}

### Notes

{NOTES[0]}

{kept_notes(path)}

{NOTES[1]}

## The machine's limits

Measured by `build/bench/peak` at the beginning of each run; the best of its repeats is the limit for the figures of that run.

{table.limits_table()}
"""
    with open(path, "w") as f:
        f.write(text)
