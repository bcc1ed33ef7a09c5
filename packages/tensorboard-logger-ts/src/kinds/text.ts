/** Text: Markdown, which TensorBoard renders. */
import { show, TensorBoardWriterError } from '../errors.ts';
import { DATA_CLASS, type Payload, type RawValue, tensorBody } from '../event.ts';
import { decodeTensor, stringTensor } from '../tensor.ts';

export const TEXT = 'text';

/** One text, or several that TensorBoard shows as the rows of a table. */
export function textPayload(text: string | readonly string[]): Payload {
  const texts = typeof text === 'string' ? [text] : text;
  if (!Array.isArray(texts) || texts.some((row) => typeof row !== 'string')) {
    throw new TensorBoardWriterError('invalid-value', `Expected a text or a list of texts, got ${show(text)}.`);
  }
  const metadata = { plugin: TEXT, dataClass: DATA_CLASS.tensor };
  return { metadata, body: tensorBody(stringTensor(texts, typeof text === 'string' ? [] : [texts.length])) };
}

export function decodeTexts(value: RawValue): { texts?: string[] } {
  if (value.tensor === undefined) return {};
  return { texts: decodeTensor(value.tensor).strings.map((bytes) => bytes.toString('utf8')) };
}
