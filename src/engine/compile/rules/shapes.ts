/** Operations that only pass values on, under the same or another shape. */
import { sameShape } from '../graph.ts';
import type { Rule } from '../simplify.ts';

/** Identity, casts to the dtype that is there, reshapes of reshapes, tiles that repeat nothing or single elements. */
export const shapes: Rule = ({ op, outputs: [out] }, inputs, build) => {
  const x = inputs.x ?? inputs.input; // as tfjs calls what ExpandDims reshapes
  if (x === undefined || out === undefined) return undefined;
  switch (op) {
    case 'Identity':
      return [x];
    case 'Cast':
      return x.dtype === out.dtype ? [x] : undefined;
    case 'ExpandDims':
      return [build.one('Reshape', { x }, { shape: [...out.shape] }, out)];
    case 'Reshape': {
      if (sameShape(x.shape, out.shape)) return [x];
      const below = x.node.op === 'Reshape' ? x.node.inputs.x : undefined;
      if (below === undefined) return undefined;
      return [build.one('Reshape', { x: below }, { shape: [...out.shape] }, out)];
    }
    case 'Tile': {
      if (sameShape(x.shape, out.shape)) return [x];
      const spreads = x.shape.every((size, i) => size === 1 || size === out.shape[i]);
      return spreads ? [build.one('BroadcastTo', { x }, { shape: [...out.shape] }, out)] : undefined;
    }
    default:
      return undefined;
  }
};
