import type { AssignmentListener, ConsumerGroups } from "../../core/consumer-group.ts";

/** Partitions that whoever started the thread deals out, and takes back, while the thread works. It begins with none. */
export interface DealtPartitions extends AssignmentListener {
  readonly groups: ConsumerGroups;
}

export function dealtPartitions(): DealtPartitions {
  let listener: AssignmentListener | null = null;
  const owned = new Set<number>();
  let changing: Promise<void> = Promise.resolve();

  /** Calls of a listener never overlap. */
  const inTurn = (change: () => Promise<void>): Promise<void> => {
    const done = changing.then(change);
    changing = done.catch(() => undefined);
    return done;
  };
  const release = (partitions: readonly number[]): Promise<void> =>
    inTurn(async () => {
      const leaving = partitions.filter((partition) => owned.delete(partition));
      if (leaving.length > 0) await listener?.release(leaving);
    });

  return {
    groups: {
      join(_consumer, joining) {
        return {
          start() {
            listener = joining;
            return Promise.resolve();
          },
          stop: () => release([...owned]),
        };
      },
      members: () => Promise.resolve([]),
    },
    take: (partitions) =>
      inTurn(async () => {
        const coming = partitions.filter((partition) => !owned.has(partition));
        for (const partition of coming) owned.add(partition);
        if (coming.length > 0) await listener?.take(coming);
      }),
    release,
  };
}
