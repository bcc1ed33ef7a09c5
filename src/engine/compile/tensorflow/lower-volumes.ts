/** What resizing of images, and convolutions and pooling over volumes, are in TensorFlow. */
import type { GraphNode, Value } from '../graph.ts';
import type { Lower, Lowering } from './lower.ts';
import { type Attributes, typed } from './writer.ts';

const float = { type: 'float32' } as const;
const int32 = { type: 'int32' } as const;

const shapeOf = ({ graph, node }: Lowering): string => graph.ints((node.outputs[0] as Value).shape);

/** A size of each axis of a volume, between those of batch and channels. */
const around = (sizes: unknown): { readonly ints: readonly number[] } => {
  const [depth, height = depth, width = depth] = [sizes ?? 1].flat() as [number, number?, number?];
  return { ints: [1, depth, height as number, width as number, 1] };
};

function volume({ attrs }: GraphNode, own: Attributes): Attributes | undefined {
  const { pad, strides, dataFormat, dimRoundingMode } = attrs;
  if ((dataFormat ?? 'NDHWC') !== 'NDHWC' || dimRoundingMode || (pad !== 'same' && pad !== 'valid')) return undefined;
  const common = { T: float, strides: around(strides), padding: { s: pad.toUpperCase() }, data_format: { s: 'NDHWC' } };
  return { ...common, ...own };
}

const over =
  (op: string, own: (node: GraphNode) => Attributes, inputs: (at: Lowering) => readonly string[]): Lower =>
  (at) => {
    const attrs = volume(at.node, own(at.node));
    return attrs && [at.graph.node(op, inputs(at), attrs)];
  };

const dilated = ({ attrs }: GraphNode): Attributes => ({ dilations: around(attrs.dilations) });
const ofInput = (node: GraphNode): Attributes => ({ ...dilated(node), Tshape: int32 });
const windowed = ({ attrs }: GraphNode): Attributes => ({ ksize: around(attrs.filterSize) });

/** Resizing reads what it resizes as `images`, and is told the size that comes out. */
const resize =
  (op: string): Lower =>
  ({ graph, node, input }) => {
    const { alignCorners, halfPixelCenters } = node.attrs as Record<string, boolean>;
    const size = (node.outputs[0] as Value).shape.slice(1, 3);
    const attrs = {
      ...typed(node.inputs.images as Value),
      align_corners: { b: alignCorners === true },
      half_pixel_centers: { b: halfPixelCenters === true },
    };
    return [graph.node(op, [input('images'), graph.ints(size)], attrs)];
  };

/** tfjs knows no gradient of resizing about half pixels: it takes that of the corners. */
const aligned = ({ attrs }: GraphNode): Attributes => ({ T: float, align_corners: { b: attrs.alignCorners === true } });

export const VOLUME_LOWERINGS: Readonly<Record<string, Lower>> = {
  ResizeBilinear: resize('ResizeBilinear'),
  ResizeNearestNeighbor: resize('ResizeNearestNeighbor'),
  ResizeBilinearGrad: ({ graph, node, input }) => [
    graph.node('ResizeBilinearGrad', [input('dy'), input('images')], aligned(node)),
  ],
  ResizeNearestNeighborGrad: ({ graph, node, input }) => {
    const size = graph.ints((node.inputs.images as Value).shape.slice(1, 3));
    return [graph.node('ResizeNearestNeighborGrad', [input('dy'), size], aligned(node))];
  },

  Conv3D: over('Conv3D', dilated, ({ input }) => [input('x'), input('filter')]),
  Conv3DBackpropInputV2: over('Conv3DBackpropInputV2', ofInput, (at) => [
    shapeOf(at),
    at.input('filter'),
    at.input('dy'),
  ]),
  Conv3DBackpropFilterV2: over('Conv3DBackpropFilterV2', dilated, (at) => [at.input('x'), shapeOf(at), at.input('dy')]),
  MaxPool3D: over('MaxPool3D', windowed, ({ input }) => [input('x')]),
  MaxPool3DGrad: over(
    'MaxPool3DGrad',
    (node) => ({ ...windowed(node), TInput: float }),
    ({ input }) => [input('input'), input('output'), input('dy')],
  ),
  AvgPool3D: over('AvgPool3D', windowed, ({ input }) => [input('x')]),
  AvgPool3DGrad: over('AvgPool3DGrad', windowed, (at) => [shapeOf(at), at.input('dy')]),
};
