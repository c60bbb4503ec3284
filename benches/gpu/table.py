#!/usr/bin/env python3
"""A readable table of results of run.sh, one column an adapter. usage: table.py RESULT.json..."""
import json
import sys


def at(value, *path):
    """The value at a path of keys, or None where a part failed."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def first(rows, **wanted):
    return next((row for row in rows or [] if all(row.get(key) == value for key, value in wanted.items())), {})


def number(value, digits=1, unit=""):
    return "-" if value is None else f"{value:,.{digits}f}{unit}"


def selftest(result):
    checks = at(result, "selftest", "variants")
    if checks is None:
        return "-"
    wrong = sum(not check["ok"] for check in checks)
    return f"{len(checks)} right" if wrong == 0 else f"{wrong} of {len(checks)} wrong"


def product(result, side):
    return number(first(at(result, "bench", "kernels"), name="matmul", shape=f"{side}x{side}x{side}").get("gflops"), 0)


def step(result, model):
    return number(first(at(result, "bench", "training"), model=model).get("steps_per_second"), 1)


def peer(result, model, mode, tf32):
    return number(first(at(result, "peers", "steps_per_second"), model=model, mode=mode, tf32=tf32).get("rate"), 1)


def trained(result, preset):
    mse, seconds = at(result, preset, "test", "mse"), at(result, preset, "seconds")
    return "-" if mse is None else f"MSE {mse:.5f} in {number(seconds, 1, ' s')}"


def denoised(result):
    megapixels, seconds = at(result, "denoise", "megapixels"), at(result, "denoise", "seconds")
    return "-" if seconds is None else f"{number(megapixels, 2)} megapixels in {number(seconds, 2, ' s')}"


rows = [
    ("driver", lambda r: at(r, "selftest", "driver") or "-"),
    ("version, date", lambda r: f"{r.get('version')}, {r.get('date')}"),
    ("self-test", selftest),
    *[(f"product of {n}, GFLOP/s", lambda r, n=n: product(r, n)) for n in (256, 512, 1024, 2048, 4096)],
    ("copy, GB/s", lambda r: number(at(r, "bench", "ceilings", "copy_gbps"))),
    ("dispatch, us", lambda r: number(at(r, "bench", "ceilings", "dispatch_us"), 2)),
]
for model in ("undercomplete", "convolutional", "denoiser-64"):
    rows.append((f"{model}, steps/s", lambda r, model=model: step(r, model)))
    for mode in ("eager", "compiled", "graph"):
        for tf32 in (False, True):
            name = f"  PyTorch CUDA {mode}{', TF32' if tf32 else ''}"
            rows.append((name, lambda r, model=model, mode=mode, tf32=tf32: peer(r, model, mode, tf32)))
rows += [(f"{preset} trained", lambda r, preset=preset: trained(r, preset))
         for preset in ("canonical", "convolutional", "variational")]
rows.append(("denoised, start included", denoised))

results = [json.load(open(path)) for path in sys.argv[1:]]
names = [at(result, "bench", "adapter") or at(result, "selftest", "adapter") or "unknown" for result in results]
print("| | " + " | ".join(names) + " |")
print("|---" * (len(names) + 1) + "|")
for title, cell in rows:
    cells = [cell(result) for result in results]
    if any(text != "-" for text in cells):
        print(f"| {title} | " + " | ".join(cells) + " |")
for result, name in zip(results, names):
    for part, value in result.items():
        if isinstance(value, dict) and "failed" in value:
            print(f"\n{name}: {part}: {value['failed']}")
