"""Reads the units of an NWB file with pynwb: TASK FILE. Prints seconds, CPU seconds, MiB taken at most, and spikes."""

import resource
import sys
import time

from pynwb import NWBHDF5IO


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
