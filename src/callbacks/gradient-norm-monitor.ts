/** Logs the norms of the gradients, per layer and of all together. */
import { z } from 'zod';
import type { Callback, Gradients, ModuleView, OptimizerLike, TrainerView } from '../core/contracts.ts';
import { flag, parseOptions, text } from '../core/options.ts';
import * as tf from '../core/tf.ts';
import { rowIsDue } from './log-rows.ts';

/** Options of {@link GradientNormMonitor}. */
export interface GradientNormMonitorOptions<P extends string = string> {
  /** Log the norm of each layer, too. Default `true`. */
  perLayer?: boolean | undefined;
  /** What the names begin with. Default `'grad_norm'`. */
  prefix?: P | undefined;
}

const schema = z.strictObject({ perLayer: flag().default(true), prefix: text().default('grad_norm') });

/**
 * Logs the Euclidean norm of the gradients before they are clipped, in the steps in which metrics are logged:
 * `grad_norm/total` and, per layer, `grad_norm/net.0`. They are metrics like others: a callback may watch them.
 *
 * @throws ConfigError for wrong options
 *
 * @example
 * ```ts
 * new Trainer({ callbacks: new GradientNormMonitor({ perLayer: false }) })
 * ```
 */
export class GradientNormMonitor<const P extends string = 'grad_norm'> implements Callback {
  readonly metricNames: readonly (`${P}/total` | `${P}/*`)[];
  readonly #options: z.output<typeof schema>;

  constructor(options: GradientNormMonitorOptions<P> = {}) {
    this.#options = parseOptions('GradientNormMonitor', schema, options);
    const prefix = this.#options.prefix as P;
    this.metricNames = [this.#options.perLayer ? `${prefix}/*` : `${prefix}/total`];
  }

  onBeforeOptimizerStep(trainer: TrainerView, module: ModuleView, _: OptimizerLike, gradients: Gradients): void {
    if (!rowIsDue(trainer)) return;
    const { perLayer, prefix } = this.#options;
    tf.tidy(() => {
      const squares = squaresByLayer(module, gradients);
      if (squares.size === 0) return;
      module.log(`${prefix}/total`, tf.sqrt(tf.addN([...squares.values()])), { onStep: true, onEpoch: false });
      if (!perLayer) return;
      for (const [layer, square] of squares) {
        module.log(`${prefix}/${layer}`, tf.sqrt(square), { onStep: true, onEpoch: false });
      }
    });
  }
}

/** The sum of squares of the gradients in each layer. */
function squaresByLayer(module: ModuleView, gradients: Gradients): Map<string, tf.Tensor> {
  const squares = new Map<string, tf.Tensor>();
  for (const [name, variable] of module.namedVariables()) {
    const gradient = gradients[variable.name];
    if (gradient === undefined) continue;
    const layer = name.includes('.') ? name.slice(0, name.lastIndexOf('.')) : name;
    const square = tf.sum(tf.square(gradient));
    const others = squares.get(layer);
    squares.set(layer, others === undefined ? square : tf.add(others, square));
  }
  return squares;
}
