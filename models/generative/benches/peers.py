"""The training step of benches/engine.rs in JAX (jit, scan), in JAX for 32 models at once (vmap), and in PyTorch.

z~ = (1-a) z + a x_t ; z' = A z~ + W1 relu(W2 z~ + h2) + h1 ; loss = mean (z' - x_{t+1})^2
Prints `name M H batch T milliseconds milliseconds`: the median and the least of 40 times loss and gradient.
"""
import time

import numpy as np

SIZES = [(3, 50, 16, 200), (16, 256, 16, 200), (32, 512, 16, 100), (5, 250, 16, 200)]
ALPHA = 0.1
MODELS = 32


REPEATS = 40


def median_and_least_ms(step, models=1, warm=3):
    times = []
    for i in range(warm + REPEATS):
        start = time.perf_counter()
        step()
        if i >= warm:
            times.append(time.perf_counter() - start)
    return f"{1e3 * np.median(times) / models:.4f} {1e3 * min(times) / models:.4f}"


def parameters(m, h, rng):
    return {
        "a": np.full(m, 0.7, np.float32),
        "w1": (0.1 * rng.standard_normal((h, m))).astype(np.float32),
        "w2": (0.1 * rng.standard_normal((m, h))).astype(np.float32),
        "h1": np.zeros(m, np.float32),
        "h2": np.zeros(h, np.float32),
    }


def jax_value_and_grad(t):
    import jax
    import jax.numpy as jnp

    def loss(p, x):
        def advance(z, x_t):
            forced = (1 - ALPHA) * z + ALPHA * x_t
            z = forced * p["a"] + jax.nn.relu(forced @ p["w2"] + p["h2"]) @ p["w1"] + p["h1"]
            return z, z

        return jnp.mean((jax.lax.scan(advance, x[0], x[:t])[1] - x[1:]) ** 2)

    return jax.value_and_grad(loss)


def jax_step(m, h, batch, t):
    import jax

    rng = np.random.default_rng(0)
    p = jax.tree.map(jax.numpy.asarray, parameters(m, h, rng))
    x = jax.numpy.asarray(rng.standard_normal((t + 1, batch, m)).astype(np.float32))
    grad = jax.jit(jax_value_and_grad(t))
    return lambda: jax.block_until_ready(grad(p, x))


def jax_many(m, h, batch, t):
    import jax

    rng = np.random.default_rng(0)
    stacked = [parameters(m, h, rng) for _ in range(MODELS)]
    p = {name: jax.numpy.stack([one[name] for one in stacked]) for name in stacked[0]}
    x = jax.numpy.asarray(rng.standard_normal((MODELS, t + 1, batch, m)).astype(np.float32))
    grad = jax.jit(jax.vmap(jax_value_and_grad(t)))
    return lambda: jax.block_until_ready(grad(p, x))


def torch_step(m, h, batch, t):
    import torch

    rng = np.random.default_rng(0)
    p = {name: torch.tensor(value, requires_grad=True) for name, value in parameters(m, h, rng).items()}
    x = torch.tensor(rng.standard_normal((t + 1, batch, m)).astype(np.float32))

    def step():
        for value in p.values():
            value.grad = None
        z, out = x[0], []
        for i in range(t):
            forced = (1 - ALPHA) * z + ALPHA * x[i]
            z = forced * p["a"] + torch.relu(forced @ p["w2"] + p["h2"]) @ p["w1"] + p["h1"]
            out.append(z)
        ((torch.stack(out) - x[1:]) ** 2).mean().backward()

    return step


def main():
    for size in SIZES:
        print("jax", *size, median_and_least_ms(jax_step(*size)), flush=True)
    print("vmap", median_and_least_ms(jax_many(*SIZES[0]), MODELS), flush=True)
    try:
        import torch  # noqa: F401
    except ImportError:
        return
    for size in SIZES:
        print("torch", *size, median_and_least_ms(torch_step(*size)), flush=True)


main()
