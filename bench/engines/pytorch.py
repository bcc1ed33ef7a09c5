"""The same models in PyTorch, eager, Adam, two threads: `python bench/engines/pytorch.py a 3` trains (a) for 3 seconds."""
import sys
import time

import torch
from torch import nn


def separable(inputs, outputs, stride):
    return [
        nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    ]


def mlp():
    return nn.Sequential(nn.Linear(784, 1200), nn.ReLU(), nn.Linear(1200, 1200), nn.ReLU(), nn.Linear(1200, 10))


def cnn():
    convolutions = [nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    return nn.Sequential(*convolutions, nn.Linear(9216, 128), nn.ReLU(), nn.Linear(128, 10))


def depthwise():
    stem = [nn.Conv2d(3, 32, 3, 1, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU()]
    body = separable(32, 64, 1) + separable(64, 128, 2) + separable(128, 128, 1) + separable(128, 256, 2)
    return nn.Sequential(*stem, *body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, 10))


MODELS = {"a": (mlp, (784,)), "b": (cnn, (1, 28, 28)), "c": (depthwise, (3, 32, 32))}

torch.set_num_threads(2)
make, shape = MODELS[sys.argv[1]]
model = make()
optimizer = torch.optim.Adam(model.parameters())
x, labels = torch.randn(128, *shape), torch.randint(0, 10, (128,))


def step():
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x), labels).backward()
    optimizer.step()


for _ in range(3):
    step()
times = []
end = time.perf_counter() + float(sys.argv[2])
while time.perf_counter() < end:
    start = time.perf_counter()
    step()
    times.append((time.perf_counter() - start) * 1e3)
print(f"({sys.argv[1]}) median {sorted(times)[len(times) // 2]:.1f} ms, minimum {min(times):.1f} ms")
