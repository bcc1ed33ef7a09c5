/** Which updates of optimizers can be done where the states lie: those that nothing else looks at. */
import type { Graph, GraphNode, Value } from './graph.ts';

/** The inputs that an update replaces, in the order of its outputs. */
export const SLOTS: Readonly<Record<string, readonly string[]>> = {
  KelvinAdam: ['param', 'expAvg', 'expAvgSq'],
  KelvinSGD: ['param', 'momentumBuffer'],
};

/** The optimizer updates that do nothing but replace the states which they start from. */
export function updatesInPlace({ nodes, updates, outputs }: Graph): ReadonlySet<GraphNode> {
  const used = new Set<Value>(outputs.values());
  for (const { inputs } of nodes) for (const value of Object.values(inputs)) used.add(value);
  const fits = (node: GraphNode): boolean =>
    node.outputs.every((value, i) => {
      const before = node.inputs[SLOTS[node.op]?.[i] ?? ''];
      return before?.node.op === 'State' && updates.get(before.node.attrs.name as string) === value && !used.has(value);
    });
  return new Set(nodes.filter((node) => SLOTS[node.op] !== undefined && fits(node)));
}
