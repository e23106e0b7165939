"""Describes the machine a benchmark ran on. Standard library only."""

import os
import platform
from pathlib import Path

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_THREAD_LIMIT")


def describe() -> dict[str, str]:
    """Return processor, cores, memory, system and thread settings, as words."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    threads = ", ".join(f"{name}={os.environ[name]}" for name in THREADS if name in os.environ)
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory:.1f} GB",
        "system": _system(),
        "Python": platform.python_version(),
        "thread variables set by the user": threads or "none",
        "load before": f"{os.getloadavg()[0]:.2f}",
    }


def _processor() -> str:
    """Return the model, its clock where it is known, and the widest vectors it has."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return platform.processor() or platform.machine()
    fields = dict(line.split(":", 1) for line in path.read_text().split("\n\n")[0].split("\n") if ":" in line)
    fields = {name.strip(): value.strip() for name, value in fields.items()}
    flags = fields.get("flags", "").split()
    vectors = next((f for f in ("avx512f", "avx2", "avx") if f in flags), "")
    return ", ".join(filter(None, [fields.get("model name", platform.machine()), vectors]))


def _system() -> str:
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        name = platform.system()
    return f"{name}, {platform.machine()}"
