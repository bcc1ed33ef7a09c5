/** Says in Kelvin's words what tfjs says in its own when a step fails. */
import { ConfigError, DataError, messageOf } from '../core/errors.ts';

/** How tfjs's models and layers say that an input has the wrong shape: layer, expected, got. */
const SHAPE_ERRORS = [
  /^Error when checking\s*: expected (\S+) to have (.*) but got array with (.*?)\.?$/,
  /^Input \d+ is incompatible with layer (\S+): expected (.*?)(?: but got|, found) (.*?)\.?$/,
];

/** The error to throw in place of what a step threw: the same one, unless Kelvin knows what it means. */
export function explainStepError(error: unknown, moduleName: string): unknown {
  const message = messageOf(error);
  if (message.includes('Cannot find a connection between any variable and the result')) {
    return new ConfigError(`${moduleName}.trainingStep: the loss`, {
      code: 'loss-without-gradient',
      expected: 'a loss that depends on the parameters given to the optimizer',
      got: 'one that depends on none of them',
      help: 'compute it from the output of the network, with differentiable ops and without `dataSync`',
      cause: error,
    });
  }
  if (message.includes('expects at least one of the input variables to be trainable')) {
    return new ConfigError(`${moduleName}: the parameters given to the optimizer`, {
      code: 'nothing-trainable',
      expected: 'at least one that is trainable',
      got: 'only frozen ones',
      help: 'unfreeze a part of the module',
      cause: error,
    });
  }
  const shape = SHAPE_ERRORS.map((pattern) => pattern.exec(message)).find((match) => match !== null);
  if (shape === undefined) return error;
  return new DataError(`A batch does not fit ${moduleName}`, {
    code: 'batch-shape',
    expected: `the input of \`${shape[1]}\` with ${shape[2]}`,
    got: shape[3],
    help: 'reshape the samples in the dataset, or build the network for this shape',
    cause: error,
  });
}
