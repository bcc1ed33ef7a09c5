"""The models as functions of JAX, the whole step under `jit`, Adam of optax. The loss of the step before is waited for."""
import itertools
import os
import sys

import turns

if turns.THREADS < (os.cpu_count() or 1):
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[: turns.THREADS]))

import jax
import jax.numpy as jnp
import numpy as np
import optax

rng = np.random.default_rng(1)


def weight(*shape):
    return jnp.asarray(rng.normal(size=shape) / np.sqrt(np.prod(shape[:-1])), jnp.float32)


def dense(sizes):
    return [(weight(i, o), jnp.zeros(o)) for i, o in zip(sizes, sizes[1:])]


def run_dense(layers, x):
    for i, (w, b) in enumerate(layers):
        x = x @ w + b
        if i < len(layers) - 1:
            x = jax.nn.relu(x)
    return x


def conv(x, kernel, stride=1, padding="SAME", groups=1):
    layout = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(
        x, kernel, (stride, stride), padding, dimension_numbers=layout, feature_group_count=groups
    )


def norm(x, scale, offset):
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    return jax.nn.relu((x - mean) * jax.lax.rsqrt(variance + 1e-3) * scale + offset), (mean, variance)


def cnn(p, x):
    x = jax.nn.relu(conv(x, p["k1"], padding="VALID") + p["b1"])
    x = jax.nn.relu(conv(x, p["k2"], padding="VALID") + p["b2"])
    x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    return run_dense(p["dense"], x.reshape(x.shape[0], -1))


STRIDES = (1, 2, 1, 2)


def depthwise(p, x):
    x, stats = norm(conv(x, p["stem"]), *p["norms"][0])
    seen = [stats]
    for (spatial, point), (scale, offset), stride in zip(p["blocks"], p["norms"][1:], STRIDES):
        x = conv(conv(x, spatial, stride, groups=x.shape[-1]), point)
        x, stats = norm(x, scale, offset)
        seen.append(stats)
    return run_dense(p["dense"], x.mean((1, 2))), seen


def make(name):
    """Parameters, the function from them and a batch to logits and statistics, and the batch's shape."""
    if name in "sa":
        sizes = [64, 32, 10] if name == "s" else [784, 1200, 1200, 10]
        return dense(sizes), lambda p, x: (run_dense(p, x), []), (32 if name == "s" else 128, sizes[0])
    if name == "b":
        kernels = {"k1": weight(3, 3, 1, 32), "b1": jnp.zeros(32), "k2": weight(3, 3, 32, 64), "b2": jnp.zeros(64)}
        return kernels | {"dense": dense([9216, 128, 10])}, lambda p, x: (cnn(p, x), []), (128, 28, 28, 1)
    widths = [32, 64, 128, 128, 256]
    blocks = [(weight(3, 3, 1, i), weight(1, 1, i, o)) for i, o in zip(widths, widths[1:])]
    norms = [(jnp.ones(n), jnp.zeros(n)) for n in widths]
    parameters = {"stem": weight(3, 3, 3, 32), "blocks": blocks, "norms": norms, "dense": dense([256, 10])}
    return parameters, depthwise, (128, 32, 32, 3)


parameters, forward, shape = make(sys.argv[1])
batches = [
    (jnp.asarray(rng.normal(size=shape), jnp.float32), jnp.asarray(rng.integers(0, 10, shape[0]))) for _ in range(8)
]
supply = itertools.cycle(batches)
optimizer = optax.adam(1e-5)


def loss_of(p, x, labels):
    logits, stats = forward(p, x)
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean(), stats


def update(p, state, running, x, labels):
    (loss, stats), gradients = jax.value_and_grad(loss_of, has_aux=True)(p, x, labels)
    running = jax.tree.map(lambda old, new: 0.99 * old + 0.01 * new, running, stats)
    changes, state = optimizer.update(gradients, state)
    return optax.apply_updates(p, changes), state, running, loss


jitted = jax.jit(update, donate_argnums=(0, 1, 2))
running = jax.tree.map(jnp.copy, forward(parameters, batches[0][0])[1])
held = [parameters, optimizer.init(parameters), running, jnp.zeros(())]


def step():
    before = held[3]
    held[:] = jitted(*held[:3], *next(supply))
    before.block_until_ready()


turns.run(step, lambda: held[3].block_until_ready())
