"""The number format that the model computes in, chosen by a trial on this machine.

On an Intel Xeon whose flags name AVX-512 BF16, bfloat16 took 2.9 times as long as float32 (16 x 160 tokens);
on an AMD EPYC with the same flags 0.6 times."""

from __future__ import annotations

import time

FLOAT32 = "float32"
BFLOAT16 = "bfloat16"
PRECISIONS = (FLOAT32, BFLOAT16)
_TRIAL_S = 0.1
_HIDDEN = 384
_TOKENS = (16, 160)


def has_bfloat16_flags() -> bool:
    """Whether this CPU says that it multiplies bfloat16 matrices in hardware; read from /proc/cpuinfo."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            flags = next((line for line in file if line.startswith("flags")), "").split()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def fastest_precision() -> tuple[str, str]:
    """The faster precision of this process's device, and why it was chosen; a trial of 100 ms where that is
    open."""
    if not has_bfloat16_flags() and not _has_gpu():
        return FLOAT32, "this CPU has no bfloat16 in hardware"
    import torch

    if torch.cuda.is_available():
        fast = torch.cuda.is_bf16_supported()
        return (BFLOAT16, "the GPU has bfloat16") if fast else (FLOAT32, "the GPU has no bfloat16")
    seconds = {name: _trial(name) for name in PRECISIONS}
    best = min(PRECISIONS, key=seconds.__getitem__)
    timings = ", ".join(f"{name} {took * 1000:.0f} ms" for name, took in seconds.items())
    return best, f"a layer over {_TOKENS[0]} x {_TOKENS[1]} tokens takes {timings} here"


def _has_gpu() -> bool:
    import os

    return os.path.exists(
        "/dev/nvidiactl"
    )  # torch, which takes two seconds to import, is asked only where it is


def _trial(precision: str) -> float:
    """The seconds of a transformer layer over a usual batch, the best of what fits into the trial."""
    import torch

    dtype = getattr(torch, precision)
    layer = torch.nn.TransformerEncoderLayer(_HIDDEN, 12, 4 * _HIDDEN, batch_first=True).to(dtype).eval()
    batch = torch.zeros(*_TOKENS, _HIDDEN, dtype=dtype)
    best = float("inf")
    deadline = time.perf_counter() + _TRIAL_S
    with torch.inference_mode():
        layer(batch)  # the first pass is slower than all others
        while best == float("inf") or time.perf_counter() < deadline:
            started = time.perf_counter()
            layer(batch)
            best = min(best, time.perf_counter() - started)
    return best
