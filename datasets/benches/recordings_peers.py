"""Reads the units of an NWB file with pynwb: TASK FILE REPETITIONS. Prints the seconds and the CPU seconds of each reading, then the peak MiB."""

import resource
import sys
import time

from pynwb import NWBHDF5IO

task, path, repetitions = sys.argv[1], sys.argv[2], int(sys.argv[3])
numbers = []
for _ in range(repetitions):
    started, computed = time.perf_counter(), time.process_time()
    with NWBHDF5IO(path, "r") as io:
        units = io.read().units
        if task == "by-unit":
            spikes = [units.get_unit_spike_times(i) for i in range(len(units))]
            n_spikes = sum(len(times) for times in spikes)
        else:
            spikes = units.spike_times.data[:]
            ends = units.spike_times_index.data[:]
            n_spikes = int(ends[-1])
    numbers += [time.perf_counter() - started, time.process_time() - computed]
numbers.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
print(*numbers)
print(n_spikes)
