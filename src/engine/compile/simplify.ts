/**
 * Passes over a graph: rules that put fewer and better operations in the place of what tfjs composes. Each rule looks at
 * one node, whose inputs have been simplified already, and says what gives the same values. Merging equal operations and
 * leaving out unused ones is the builder's and `rewrite`'s part.
 */
import { type Graph, type GraphBuilder, type GraphNode, rewrite, type Value } from './graph.ts';
import { arithmetic } from './rules/arithmetic.ts';
import { crossEntropy } from './rules/cross-entropy.ts';
import { dense } from './rules/dense.ts';
import { relu } from './rules/relu.ts';
import { shapes } from './rules/shapes.ts';

/** Values of inputs by name. */
export type Inputs = Readonly<Record<string, Value>>;

/** What is to take the place of a node's outputs; `undefined` where the rule does not apply. */
export type Rule = (node: GraphNode, inputs: Inputs, build: GraphBuilder) => readonly Value[] | undefined;

const RULES: readonly Rule[] = [shapes, dense, relu, crossEntropy, arithmetic];

/** Applies all rules until nothing changes any more. */
export function simplify(graph: Graph): Graph {
  let before = graph;
  for (let round = 0; round < 8; round++) {
    const after = rewrite(before, (node, inputs, build) => {
      for (const rule of RULES) {
        const values = rule(node, inputs, build);
        if (values !== undefined) return values;
      }
      return undefined;
    });
    if (text(after) === text(before)) return after;
    before = after;
  }
  return before;
}

const text = ({ nodes }: Graph): string => nodes.map(({ op }) => op).join();
