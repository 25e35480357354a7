import { useEffect, useState } from "preact/hooks";
import { type ApiError, isAbort, toApiError } from "./api-client.ts";

export interface Found<T> {
  /** The last one that there was; null until the first answer. */
  readonly view: T | null;
  /** Why there is no newer one. */
  readonly error: ApiError | null;
  retry(): void;
}

/** What a question is answered with, asked again every `everyMs` while somebody can see it; anew when `key` changes. */
export function useLook<T>(ask: (signal: AbortSignal) => Promise<T>, everyMs: number, key = ""): Found<T> {
  const [found, setFound] = useState<{ key: string; view: T | null; error: ApiError | null }>({
    key,
    view: null,
    error: null,
  });
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    let isAsking = false;
    const look = () => {
      if (isAsking || document.hidden) return;
      isAsking = true;
      ask(stop.signal)
        .then((view) => setFound({ key, view, error: null }))
        .catch((thrown: unknown) => {
          if (isAbort(thrown)) return;
          setFound((last) => ({ key, view: last.key === key ? last.view : null, error: toApiError(thrown) }));
        })
        .finally(() => (isAsking = false));
    };
    look();
    const timer = setInterval(look, everyMs);
    document.addEventListener("visibilitychange", look);
    return () => {
      stop.abort();
      clearInterval(timer);
      document.removeEventListener("visibilitychange", look);
    };
  }, [attempt, key]);
  const retry = () => setAttempt((n) => n + 1);
  // What was asked before is no answer to another question.
  return found.key === key ? { view: found.view, error: found.error, retry } : { view: null, error: null, retry };
}
