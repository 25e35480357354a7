import { useEffect, useState } from "preact/hooks";
import type { PartitionView } from "../../../core/partition-view.ts";
import { type ApiError, isAbort, toApiError } from "../state/api-client.ts";
import { useApp } from "../state/app-state.ts";

const LOOK_MS = 2000;

export interface FoundPartitions {
  /** The last one that there was; null until the first answer. */
  readonly view: PartitionView | null;
  /** Why there is no newer one. */
  readonly error: ApiError | null;
  retry(): void;
}

/** Who works on what, asked for every two seconds while somebody can see it. */
export function usePartitions(): FoundPartitions {
  const { api } = useApp();
  const [found, setFound] = useState<Omit<FoundPartitions, "retry">>({ view: null, error: null });
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    let isAsking = false;
    const look = () => {
      if (isAsking || document.hidden) return;
      isAsking = true;
      api
        .partitions(stop.signal)
        .then((view) => setFound({ view, error: null }))
        .catch((thrown: unknown) => {
          if (!isAbort(thrown)) setFound(({ view }) => ({ view, error: toApiError(thrown) }));
        })
        .finally(() => (isAsking = false));
    };
    look();
    const timer = setInterval(look, LOOK_MS);
    document.addEventListener("visibilitychange", look);
    return () => {
      stop.abort();
      clearInterval(timer);
      document.removeEventListener("visibilitychange", look);
    };
  }, [attempt]);
  return { ...found, retry: () => setAttempt((n) => n + 1) };
}
