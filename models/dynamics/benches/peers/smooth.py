"""The same questions to SciPy and JAX: prints kind, seconds, description, one line each."""
import json
import sys
import time

import numpy as np

data = json.load(open(sys.argv[1]))
W = np.array(data["weight_hh"])
b = np.array(data["bias_hh"])
starts = np.array(data["starts"])
n = W.shape[1]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def step(h):
    a = W @ h + b
    r, z = sigmoid(a[:n]), sigmoid(a[n : 2 * n])
    return (1 - z) * np.tanh(r * a[2 * n :]) + z * h


def jacobian(h):
    a = W @ h + b
    r, z = sigmoid(a[:n]), sigmoid(a[n : 2 * n])
    s = a[2 * n :]
    c = np.tanh(r * s)
    dc = (1 - c**2)[:, None] * (r[:, None] * W[2 * n :] + (s * r * (1 - r))[:, None] * W[:n])
    return (1 - z)[:, None] * dc + ((h - c) * z * (1 - z))[:, None] * W[n : 2 * n] + np.diag(z)


def median(f, repetitions):
    seconds = []
    for _ in range(repetitions):
        t = time.perf_counter()
        f()
        seconds.append(time.perf_counter() - t)
    return float(np.median(seconds))


print("jacobians", median(lambda: [jacobian(h) for h in starts], 3), "NumPy, Jacobians written out, 1000 states", sep="\t")

try:
    from scipy.optimize import root

    few = starts[:10]

    def solve():
        for h in few:
            root(lambda h: step(h) - h, h, jac=lambda h: jacobian(h) - np.eye(n), method="hybr", options={"xtol": 1e-12})

    print("newton", median(solve, 1) / len(few), "SciPy root (hybr), per start, Jacobians given", sep="\t")
except ImportError:
    pass

try:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    Wj, bj = jnp.array(W), jnp.array(b)

    def jstep(h):
        a = Wj @ h + bj
        r, z = jax.nn.sigmoid(a[:n]), jax.nn.sigmoid(a[n : 2 * n])
        return (1 - z) * jnp.tanh(r * a[2 * n :]) + z * h

    batched = jax.jit(jax.vmap(jax.jacfwd(jstep)))
    batched(starts).block_until_ready()
    print("jacobians", median(lambda: batched(starts).block_until_ready(), 3), "JAX, jit(vmap(jacfwd)), 1000 states", sep="\t")

    def refine(h):
        def body(_, h):
            return h - jnp.linalg.solve(jax.jacfwd(jstep)(h) - jnp.eye(n), jstep(h) - h)

        return jax.lax.fori_loop(0, 10, body, h)

    some = starts[:50]
    iterate = jax.jit(jax.vmap(refine))
    iterate(some).block_until_ready()
    print("newton", median(lambda: iterate(some).block_until_ready(), 1) / len(some), "JAX, 10 undamped Newton steps, per start", sep="\t")
except ImportError:
    pass
