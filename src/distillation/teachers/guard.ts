/** Watches that a teacher is what it was: unchanged by training, the same after a resume, a good one to learn from. */
import type { Checkpoint } from '../../core/contracts.ts';
import { ConfigError } from '../../core/errors.ts';
import { isPlainObject } from '../../core/tensors.ts';
import type { TeacherSource } from './source.ts';

const KEY = 'distillation';

export class TeacherGuard {
  readonly #teacher: TeacherSource;
  #known: string | undefined;

  constructor(teacher: TeacherSource) {
    this.#teacher = teacher;
  }

  /** Training begins. Warns of a teacher that label smoothing has made a poor one. */
  start(): void {
    this.#known = this.#teacher.fingerprint?.();
    const smoothing = this.#teacher.labelSmoothing ?? 0;
    if (smoothing === 0) return;
    warn(
      'teacher-with-label-smoothing',
      `The teacher was trained with label smoothing ${smoothing}: its logits have lost what tells the wrong classes apart, ` +
        'and it teaches worse (Müller et al. 2019). Train it without.',
    );
  }

  /** Training has ended. @throws ConfigError `teacher-changed` */
  end(): void {
    if (this.#known === undefined || this.#known === this.#teacher.fingerprint?.()) return;
    throw new ConfigError(`The teacher '${this.#teacher.name}' has changed while it taught`, {
      code: 'teacher-changed',
      expected: 'the same weights before and after',
      help: 'does it share layers with the student, or is it trained elsewhere?',
    });
  }

  /** Writes down who taught; no weight of the teacher is saved. */
  save({ state }: Checkpoint): void {
    const sha256 = this.#known ?? this.#teacher.fingerprint?.();
    state.user[KEY] = { teacher: this.#teacher.name, ...(sha256 !== undefined && { sha256 }) };
  }

  /** Warns when the checkpoint's student had another teacher. */
  load({ state }: Checkpoint): void {
    const saved = state.user[KEY];
    if (!isPlainObject(saved) || typeof saved.sha256 !== 'string') return;
    const own = this.#teacher.fingerprint?.();
    if (own === undefined || own === saved.sha256) return;
    warn(
      'other-teacher',
      `The checkpoint's student was taught by '${String(saved.teacher)}' (sha256 ${saved.sha256.slice(0, 12)}), and goes on ` +
        `with '${this.#teacher.name}' (${own.slice(0, 12)}).`,
    );
  }
}

function warn(code: string, text: string): void {
  process.emitWarning(text, { type: 'KelvinWarning', code });
}
