/** Whatever can teach without having to be loaded first, as a source. */
import * as tf from '../../core/tf.ts';
import { GraphTeacher, isGraphModel, type TeacherGraphModel } from './graph-teacher.ts';
import { NetworkTeacher, type TeacherModule } from './network-teacher.ts';
import { isTeacherSource, type TeacherSource } from './source.ts';

/** A trained network that is there: a tfjs model, a module whose `forward` gives logits, a graph model, or a source. */
export type Teacher = tf.LayersModel | TeacherModule | TeacherGraphModel | TeacherSource;

/** @throws ConfigError `invalid-teacher` */
export function asSource(teacher: Teacher): TeacherSource {
  if (teacher instanceof tf.LayersModel) return new NetworkTeacher(teacher);
  if (isTeacherSource(teacher)) return teacher;
  if (isGraphModel(teacher)) return new GraphTeacher(teacher);
  return new NetworkTeacher(teacher);
}
