"""The same work by nibabel or nilearn: prints seconds of each repetition and the peak memory in MiB, then series."""

import resource
import sys
import time

task, scan, atlas, repetitions = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
import numpy as np

if task == "nibabel":
    import nibabel

    def work():
        return np.asanyarray(nibabel.load(scan).get_fdata(dtype=np.float32, caching="unchanged"))
else:
    from nilearn.maskers import NiftiLabelsMasker

    def work():
        return NiftiLabelsMasker(atlas, standardize=False, resampling_target=None).fit_transform(scan)

seconds = []
for _ in range(repetitions):
    started = time.perf_counter()
    result = work()
    seconds.append(time.perf_counter() - started)
    if task == "nibabel":
        del result
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(*[f"{s:.4f}" for s in seconds], f"{peak:.0f}")
if task == "nilearn":
    for series in np.asarray(result, dtype=float).T:
        print(*[repr(float(value)) for value in series])
