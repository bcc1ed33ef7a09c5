"""The models of bench/engines/models.ts in PyTorch, with eight batches of random numbers."""
import torch
from torch import nn


def separable(inputs, outputs, stride):
    return [
        nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    ]


def tiny():
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def mlp():
    return nn.Sequential(nn.Linear(784, 1200), nn.ReLU(), nn.Linear(1200, 1200), nn.ReLU(), nn.Linear(1200, 10))


def cnn():
    convolutions = [nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    return nn.Sequential(*convolutions, nn.Linear(9216, 128), nn.ReLU(), nn.Linear(128, 10))


def depthwise():
    stem = [nn.Conv2d(3, 32, 3, 1, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU()]
    body = separable(32, 64, 1) + separable(64, 128, 2) + separable(128, 128, 1) + separable(128, 256, 2)
    return nn.Sequential(*stem, *body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, 10))


MODELS = {"s": (tiny, 32, (64,)), "a": (mlp, 128, (784,)), "b": (cnn, 128, (1, 28, 28)), "c": (depthwise, 128, (3, 32, 32))}


def make(name):
    """The model and its batches."""
    torch.manual_seed(1)
    build, size, shape = MODELS[name]
    return build(), [(torch.randn(size, *shape), torch.randint(0, 10, (size,))) for _ in range(8)]
