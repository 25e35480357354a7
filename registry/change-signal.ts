/** Says that the registry may have changed, here or in another process. Hearers look for themselves what it was. */
export interface ChangeSignal {
  /** Grows with every change. Taken before looking, it tells whether something came in the meantime. */
  version(): number;
  /** Resolves when the version is above `version`, after `waitMs`, or when `signal` aborts. Never rejects. */
  after(version: number, waitMs: number, signal?: AbortSignal): Promise<void>;
  wake(): void;
}

export function createChangeSignal(): ChangeSignal {
  let current = 0;
  const waiting = new Set<() => void>();
  return {
    version: () => current,
    async after(version, waitMs, signal) {
      if (current > version || signal?.aborted === true) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      // An open registry alone does not keep a process alive.
      const timer = setTimeout(resolve, waitMs).unref();
      const given = () => resolve();
      signal?.addEventListener("abort", given, { once: true });
      waiting.add(resolve);
      await promise;
      clearTimeout(timer);
      waiting.delete(resolve);
      signal?.removeEventListener("abort", given);
    },
    wake() {
      current += 1;
      for (const resolve of waiting) resolve();
    },
  };
}
