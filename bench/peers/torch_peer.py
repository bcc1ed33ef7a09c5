"""A hand-written PyTorch loop with fused Adam: eager, in channels-last layout, compiled. Or matrix products alone."""
import itertools
import sys

import torch
import turns
from torch_models import make

model, variant = sys.argv[1:]
torch.set_num_threads(turns.THREADS)

if variant == "gemm":
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    turns.run(lambda: a @ b)

net, batches = make(model)
if variant == "channels-last":
    net = net.to(memory_format=torch.channels_last)
    batches = [(x.to(memory_format=torch.channels_last), y) for x, y in batches]
optimizer = torch.optim.Adam(net.parameters(), lr=1e-5, fused=True)
forward = torch.compile(net) if variant == "compile" else net
supply = itertools.cycle(batches)


def step():
    x, labels = next(supply)
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(forward(x), labels).backward()
    optimizer.step()


turns.run(step)
