"""torchvision's DataLoader over a folder of images: `python bench/data/torchvision_loader.py DIR WORKERS BATCH`.

Prints `ready` when its workers have read everything once, then reads an epoch for each line on stdin and prints its seconds.
"""
import sys
import time

from torch.utils.data import DataLoader
from torchvision import datasets, transforms


def main():
    folder, workers, batch = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    images = datasets.ImageFolder(folder, transforms.Compose([transforms.CenterCrop(224), transforms.ToTensor()]))
    loader = DataLoader(images, batch_size=batch, num_workers=workers, persistent_workers=workers > 0)
    for _ in loader:
        pass
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        for _ in loader:
            pass
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
