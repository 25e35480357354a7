import { useEffect, useRef, useState } from "preact/hooks";
import { LIMITS } from "../../../core/limits.ts";
import { quarantineReason } from "../model/quarantine-reasons.ts";
import { DEAD_LETTER, mergeRejects, type Reject } from "../model/reject-list.ts";
import { type ApiClient, type ApiError, isAbort, toApiError } from "../state/api-client.ts";
import { useApp } from "../state/app-state.ts";

const LOOK_MS = 5000;

export interface RejectFilter {
  readonly device: string;
  readonly reason: string;
}

export interface FoundRejects {
  /** Null until the first answer. */
  readonly rejects: readonly Reject[] | null;
  /** There are older ones that were not asked for. */
  readonly isCut: boolean;
  readonly error: ApiError | null;
  retry(): void;
}

/** The newest rejects of a filter; asked for again when the ledger says that there are more. */
export function useRejects(filter: RejectFilter): FoundRejects {
  const { api } = useApp();
  const [found, setFound] = useState<Omit<FoundRejects, "retry">>({ rejects: null, isCut: false, error: null });
  const [attempt, setAttempt] = useState(0);
  const { device, reason } = filter;
  useEffect(() => {
    const stop = new AbortController();
    loadRejects(api, { device, reason }, stop.signal)
      .then((loaded) => setFound({ ...loaded, error: null }))
      .catch((thrown: unknown) => {
        if (!isAbort(thrown)) setFound({ rejects: null, isCut: false, error: toApiError(thrown) });
      });
    return () => stop.abort();
  }, [device, reason, attempt]);
  const retry = () => setAttempt((n) => n + 1);
  useLedgerChanges(retry);
  return { ...found, retry };
}

async function loadRejects(
  api: ApiClient,
  { device, reason }: RejectFilter,
  signal: AbortSignal,
): Promise<{ rejects: readonly Reject[]; isCut: boolean }> {
  const limit = LIMITS.pageSizeMax;
  const query = { limit, ...(device === "" ? {} : { device }) };
  const known = quarantineReason(reason);
  const [quarantined, deadLetters] = await Promise.all([
    reason === DEAD_LETTER
      ? { items: [] }
      : api.quarantine({ ...query, ...(known === undefined ? {} : { reason: known }) }, signal),
    known === undefined ? api.deadLetters(query, signal) : { items: [] },
  ]);
  const isCut = quarantined.items.length === limit || deadLetters.items.length === limit;
  return { rejects: mergeRejects(quarantined.items, deadLetters.items), isCut };
}

/** The counters run ahead of the tables: what is new is asked for once more one look later. */
function useLedgerChanges(onChange: () => void): void {
  const { live } = useApp();
  const call = useRef(onChange);
  call.current = onChange;
  useEffect(() => {
    const count = () => {
      const overview = live.overview.peek();
      if (!overview) return null;
      const { ledger, functions } = overview;
      const ofMessages = ledger.messages.quarantined + ledger.messages.deadLettered;
      return ofMessages + ledger.values.quarantined + (functions.deadLetters ?? 0);
    };
    let seen = count();
    let isSettling = true;
    const timer = setInterval(() => {
      const now = count();
      const isNew = now !== seen;
      if (isNew || isSettling) call.current();
      isSettling = isNew;
      seen = now;
    }, LOOK_MS);
    return () => clearInterval(timer);
  }, []);
}
