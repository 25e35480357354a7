/** Runs at once when it did not run for a while, else once at the end of that while. */
export function throttle(intervalMs: number, run: () => void): () => void {
  let lastAt = -Infinity;
  let timer = 0;
  const fire = () => {
    timer = 0;
    lastAt = performance.now();
    run();
  };
  return () => {
    if (timer !== 0) return;
    const waitMs = lastAt + intervalMs - performance.now();
    if (waitMs <= 0) fire();
    else timer = window.setTimeout(fire, waitMs);
  };
}
