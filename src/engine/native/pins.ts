/**
 * What `kelvin native install` fetches, by version and checksum: TensorFlow's wheel from PyPI, and tfjs-node and the
 * headers of Node's addons from npm.
 */
import type { TensorFlowEngine } from '../tensorflow.ts';

/** The release of TensorFlow that is installed. */
export const TENSORFLOW = '2.21.0';

/** A Python package that holds TensorFlow's libraries. */
export interface WheelPin {
  readonly project: string;
  readonly version: string;
  /** Checksum of the wheel that pip takes; where there is none, pip's own check against the index stands alone. */
  readonly sha256: string | undefined;
  /** Space that libraries and downloads take together, in bytes. */
  readonly space: number;
}

/**
 * Any Python can fetch these wheels: they are asked for by platform and for one version of Python, as only the
 * libraries are taken from them.
 */
export const WHEELS: Readonly<Record<TensorFlowEngine, WheelPin>> = {
  tensorflow: {
    project: 'tensorflow-cpu',
    version: TENSORFLOW,
    sha256: '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c',
    space: 1.3e9,
  },
  'tensorflow-gpu': { project: 'tensorflow', version: TENSORFLOW, sha256: undefined, space: 9e9 },
};

/** A package of npm. */
export interface PackagePin {
  readonly name: string;
  readonly version: string;
  /** npm's checksum, as in package-lock.json. */
  readonly integrity: string;
}

/** tfjs-node: its JavaScript and the sources of its addon. The GPU package differs in name only. */
export const TFJS_NODE: PackagePin = {
  name: '@tensorflow/tfjs-node',
  version: '4.22.0',
  integrity: 'sha512-uHrXeUlfgkMxTZqHkESSV7zSdKdV0LlsBeblqkuKU9nnfxB1pC6DtoyYVaLxznzZy7WQSegjcohxxCjAf6Dc7w==',
};

/** The headers of Node-API, for a Node that was installed without its own. */
export const NODE_HEADERS: PackagePin = {
  name: 'node-api-headers',
  version: '1.9.0',
  integrity: 'sha512-2oNILP4jXwRB4ywnYKjVk1YyJ96n2D4EOVJO6S3oYZ5PtbJrw3Yt9TpAuX3nBLMuzn74rnfGQrv13pS9vC+YiA==',
};
