"""The same models in PyTorch, eager, Adam, two threads: `python bench/engines/pytorch.py a 3` trains (a) for 3 seconds."""
import pathlib
import sys
import time

import torch

sys.path.append(str(pathlib.Path(__file__).parent.parent / "peers"))
from torch_models import make

torch.set_num_threads(2)
model, [(x, labels), *_] = make(sys.argv[1])
optimizer = torch.optim.Adam(model.parameters())


def step():
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(model(x), labels).backward()
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
