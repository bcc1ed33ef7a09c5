"""PyTorch Lightning with its defaults: TensorBoard logger, progress bar, checkpoints, model summary."""
import logging
import sys
import tempfile
import warnings

import pytorch_lightning as lightning
import torch
from torch_models import make
from turns import THREADS, Turns

torch.set_num_threads(THREADS)
warnings.filterwarnings("ignore")
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)


class Batches:
    """More batches than will be asked for, of which only eight are different."""

    def __init__(self, batches):
        self.batches = batches

    def __len__(self):
        return 10_000_000

    def __iter__(self):
        return (self.batches[i % len(self.batches)] for i in range(len(self)))


class Net(lightning.LightningModule):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def training_step(self, batch, batch_idx):
        x, labels = batch
        loss = torch.nn.functional.cross_entropy(self.net(x), labels)
        self.log("loss", loss, prog_bar=True)
        return loss

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-5)


class Watch(lightning.Callback):
    def __init__(self):
        self.turns = Turns()

    def on_train_batch_start(self, *_):
        self.turns.tick()


net, batches = make(sys.argv[1])
with tempfile.TemporaryDirectory() as directory:
    trainer = lightning.Trainer(accelerator="cpu", max_epochs=1, default_root_dir=directory, callbacks=[Watch()])
    trainer.fit(Net(net), Batches(batches))
