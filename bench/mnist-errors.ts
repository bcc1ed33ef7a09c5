/**
 * The accuracy check against PyTorch: `npm run check:mnist`. MLP 784-800-800-10 without regularisation on all of MNIST,
 * 20 epochs of Adam at 1e-3 with a cosine to 0, batch 128, three seeds; PyTorch gets 132, 142 and 150 test errors.
 * EPOCHS and SEEDS in the environment make it shorter.
 */
import { DataLoader, ImageClassificationModel, mlp, mnist, seedEverything, Trainer } from 'kelvin';

const epochs = Number(process.env.EPOCHS ?? 20);
const seeds = Number(process.env.SEEDS ?? 3);
const data = await mnist(process.argv[2] === undefined ? {} : { dataDir: process.argv[2] });
const errors: number[] = [];

for (let seed = 0; seed < seeds; seed++) {
  const start = performance.now();
  seedEverything(seed);
  const model = new ImageClassificationModel({
    encoder: mlp({ inputs: [28, 28, 1], hidden: [800, 800] }),
    classes: 10,
    learningRate: 1e-3,
  });
  const trainer = new Trainer({ maxEpochs: epochs, barebones: true });
  const train = new DataLoader(data.train, { batchSize: 128, shuffle: true });
  const { status } = await trainer.fit(model, { train });
  if (status === 'interrupted') process.exit(130);
  const [result] = await trainer.test(model, new DataLoader(data.test, { batchSize: 1000 }));
  errors.push(Math.round((1 - (result?.test_acc as number)) * data.test.length));
  const minutes = ((performance.now() - start) / 60_000).toFixed(1);
  console.log(`seed ${seed}: ${errors.at(-1)} test errors after ${epochs} epochs (${minutes} min)`);
  model.dispose();
}

const mean = errors.reduce((sum, value) => sum + value, 0) / errors.length;
console.log(`mean ${mean.toFixed(1)} of ${data.test.length}; PyTorch, 20 epochs: 141.3 (132, 142, 150)`);
