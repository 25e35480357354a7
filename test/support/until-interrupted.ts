const EXIT_MS = 500;

/** Aborted by Ctrl-C and SIGTERM, so that what was started detached ends too; then the process does. */
export function untilInterrupted(): AbortSignal {
  const interrupted = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      interrupted.abort();
      setTimeout(() => process.exit(130), EXIT_MS);
    });
  }
  return interrupted.signal;
}
