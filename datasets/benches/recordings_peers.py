"""Reads the units of an NWB file with pynwb: TASK FILE. Prints seconds, CPU seconds, MiB taken at most, and spikes.

`write FILE SPIKES UNITS` makes one instead, deflated as pynwb does it when nothing but gzip is asked for.
"""

import resource
import sys
import time

from pynwb import NWBHDF5IO


def write(path, n_spikes, n_units):
    from datetime import datetime, timezone

    import numpy as np
    from hdmf.common import VectorData, VectorIndex
    from pynwb import H5DataIO, NWBFile
    from pynwb.misc import Units

    random = np.random.default_rng(1)
    n_each = n_spikes // n_units
    # Spikes lie where a sample was taken, in an hour at 30 kHz.
    units = [np.sort(random.integers(0, 3600 * 30_000, n_each)) / 30_000 for _ in range(n_units)]
    spikes = H5DataIO(np.concatenate(units), compression="gzip")
    column = VectorData(name="spike_times", description="in seconds", data=spikes)
    ends = np.arange(1, n_units + 1, dtype=np.uint64) * n_each
    index = VectorIndex(name="spike_times_index", target=column, data=ends)
    nwb = NWBFile("made by a benchmark", "bench", datetime(1985, 1, 1, tzinfo=timezone.utc))
    ids = list(range(n_units))
    nwb.units = Units(name="units", description="", columns=[column, index], colnames=["spike_times"], id=ids)
    with NWBHDF5IO(path, "w") as io:
        io.write(nwb)


if sys.argv[1] == "write":
    write(sys.argv[2], *map(int, sys.argv[3:]))
    sys.exit()


def held_mib():
    with open("/proc/self/statm") as pages:
        return int(pages.read().split()[1]) * resource.getpagesize() / 2**20


task, path = sys.argv[1:]
before, started, computed = held_mib(), time.perf_counter(), time.process_time()
with NWBHDF5IO(path, "r") as io:
    units = io.read().units
    if task == "by-unit":
        spikes = [units.get_unit_spike_times(i) for i in range(len(units))]
        n_spikes = sum(len(times) for times in spikes)
    else:
        spikes = units.spike_times.data[:]
        n_spikes = int(units.spike_times_index.data[-1])
secs, cpu_secs = time.perf_counter() - started, time.process_time() - computed
peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(secs, cpu_secs, peak_mib - before, n_spikes)
