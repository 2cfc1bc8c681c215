"""What the machine is, and what it can do: its matrix-multiply peak."""

from __future__ import annotations

import os
import time

import psutil
import torch

from tdm_ray.parallel import cores

_SIDE = {"cpu": 2048, "cuda": 8192}  # of the square matrices multiplied
_TRIES = 10


def describe() -> str:
    """The machine in words: cores, processor, memory, GPU."""
    model = "an unknown processor"
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            named = (line.partition(":")[2].strip() for line in file if line.startswith("model name"))
            model = next(named, model)
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return f"{cores()} cores of {model}, {psutil.virtual_memory().total / 2**30:.0f} GiB, {gpu}"


def matmul_peak(dtype: torch.dtype, device: torch.device) -> float:
    """FLOP/s of the fastest of ten products of square matrices, with the threads that torch has."""
    side = _SIDE[device.type]
    best = float("inf")
    a = torch.randn(side, side, device=device).to(dtype)
    b = torch.randn(side, side, device=device).to(dtype)
    for _ in range(_TRIES):
        started = time.perf_counter()
        (a @ b).sum().item()  # the sum waits for a GPU to be done
        best = min(best, time.perf_counter() - started)
    return 2 * side**3 / best


def peak_mb() -> float:
    """The most memory, in MB, that this process has held (Linux; `ru_maxrss` may be its parent's)."""
    with open("/proc/self/status", encoding="ascii") as file:
        line = next(line for line in file if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6
