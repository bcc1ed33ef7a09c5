/** The tools that a running fit lends to its callbacks; what they are for is told in core/tools.ts. */
import { ConfigError } from '../core/errors.ts';
import { withIsolatedRandom } from '../core/seed.ts';
import * as tf from '../core/tf.ts';
import type { AddedParamGroup, TrainerTools } from '../core/tools.ts';
import { rememberModes } from '../module/lifecycle.ts';
import { type BatchSource, iterate, release, trainingSource } from './loaders.ts';
import type { Session } from './session.ts';
import { tryTraining, withoutLogging } from './trial.ts';

/**
 * The tools of a session.
 *
 * @throws ConfigError `not-fitting` when no fit is running
 */
export function toolsOf(session: Session | undefined): TrainerTools {
  if (session === undefined || session.stage !== 'fit') throw notFitting();
  return {
    tryTraining: (trial) =>
      tryTraining(session, trial, trial.loader ? sourceOf(session, trial.loader) : trainOf(session)),
    forwardTrainingData: (beforeBatch) => forwardTrainingData(session, beforeBatch),
    addParamGroup: (group) => addParamGroup(session, group),
    useTrainLoader: (loader) => {
      session.train = sourceOf(session, loader);
    },
  };
}

async function forwardTrainingData(
  session: Session,
  beforeBatch: (batchIdx: number) => void = () => {},
): Promise<number> {
  const { module } = session;
  const restoreModes = rememberModes(module);
  const source = trainOf(session);
  let count = 0;
  module.train();
  try {
    await withIsolatedRandom(() =>
      withoutLogging(session, async () => {
        source.loader.setEpoch?.(session.progress.epoch);
        for await (const { batch: given, batchIdx } of iterate(source)) {
          const batch = session.transfer === undefined ? given : session.transfer(source, given, 0);
          try {
            beforeBatch(batchIdx);
            tf.tidy(() => void module.trainingStep(batch as never, batchIdx));
          } finally {
            release(source, given, batch);
          }
          count++;
          await session.breathe();
        }
      }),
    );
    return count;
  } finally {
    restoreModes();
  }
}

interface GroupTaker {
  addParamGroup(group: AddedParamGroup): void;
}

function addParamGroup({ optimization }: Session, group: AddedParamGroup): void {
  const optimizer = optimization.optimizer as unknown as Partial<GroupTaker>;
  if (optimizer.addParamGroup === undefined) {
    throw new ConfigError('trainer.tools.addParamGroup', {
      code: 'optimizer-without-groups',
      expected: "one of Kelvin's own optimizers",
      got: `${optimization.optimizer.constructor.name}, which has one parameter group for good`,
      help: 'use Adam, SGD, … from kelvin, or give the optimizer all parameters from the start',
    });
  }
  optimizer.addParamGroup(group);
  optimization.parameters.push(...group.params);
}

function sourceOf({ options }: Session, loader: unknown): BatchSource {
  return trainingSource(loader, options.limitTrainBatches);
}

function trainOf({ train }: Session): BatchSource {
  if (train === undefined) throw notFitting();
  return train;
}

function notFitting(): ConfigError {
  return new ConfigError('trainer.tools', {
    code: 'not-fitting',
    expected: 'a fit that goes on',
    got: 'none',
    help: 'use the tools in hooks from `onFitStart` to `onFitEnd`',
  });
}
