/**
 * Stable operator ids: from the `uid` where the program gives one, otherwise from the structure of the graph.
 *
 * A structural id depends on the node's place (its position among nodes, what it is, its inputs' ids and how it reads
 * them), not on names, so renaming an operator keeps its state. A uid's id depends on the uid alone, so such an operator
 * can move within the program.
 */
import { MillraceError, type OperatorId } from '../common/index.ts';
import { hash128 } from './hash.ts';
import type { StreamGraph, StreamNode } from './stream-graph.ts';

/**
 * @returns the id of each node, by node id
 * @throws MillraceError `INVALID_PROGRAM` if two operators have the same uid
 */
export function assignOperatorIds(graph: StreamGraph): Map<number, OperatorId> {
  const ids = new Map<number, OperatorId>();
  const byUid = new Map<string, StreamNode>();
  graph.nodes.forEach((node, position) => {
    if (node.uid !== undefined) {
      const other = byUid.get(node.uid);
      if (other !== undefined) {
        throw new MillraceError(
          'INVALID_PROGRAM',
          `Two operators have the uid '${node.uid}': '${other.name}'${at(other)} and '${node.name}'${at(node)}. A uid names the state of one operator; give each its own.`,
          { context: { uid: node.uid } },
        );
      }
      byUid.set(node.uid, node);
      ids.set(node.id, hash128(`uid:${node.uid}`) as OperatorId);
      return;
    }
    const inputs = graph.edges
      .filter((e) => e.target === node.id)
      .map((e) => `${ids.get(e.source)}/${e.input}/${e.partitioner}/${e.sideOutput ?? ''}`);
    ids.set(node.id, hash128(`${position}|${node.kind}|${node.operatorType}|${inputs.join(',')}`) as OperatorId);
  });
  return ids;
}

function at(node: StreamNode): string {
  return node.definedAt === undefined ? '' : ` (at ${node.definedAt})`;
}
