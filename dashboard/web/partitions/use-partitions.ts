import type { PartitionView } from "../../../core/partition-view.ts";
import { useApp } from "../state/app-state.ts";
import { type Found, useLook } from "../state/use-look.ts";

const LOOK_MS = 2000;

/** Who works on what, as it moves. */
export function usePartitions(): Found<PartitionView> {
  const { api } = useApp();
  return useLook((signal) => api.partitions(signal), LOOK_MS);
}
