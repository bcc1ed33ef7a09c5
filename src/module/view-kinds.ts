/** The names of the ways to show an image, apart from their tensors: the command line's help needs no engine. */

/** Each of them. Turns are anticlockwise. */
export const VIEW_KINDS = ['identity', 'flipHorizontal', 'flipVertical', 'rotate90', 'rotate180', 'rotate270'] as const;

/** The name of a way to show an image. */
export type ViewKind = (typeof VIEW_KINDS)[number];
