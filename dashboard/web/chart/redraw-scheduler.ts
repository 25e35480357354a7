/** What drawing may take of one frame; the rest waits for the next one, so that fifty charts never hold up a click. */
const FRAME_BUDGET_MS = 6;

export interface RedrawScheduler {
  /** Draws within one of the next frames; asked twice before that, it draws once. */
  request(draw: () => void): void;
  cancel(draw: () => void): void;
}

export function createRedrawScheduler(): RedrawScheduler {
  const waiting = new Set<() => void>();
  let frame = 0;
  const run = () => {
    frame = 0;
    const startedAt = performance.now();
    for (const draw of waiting) {
      waiting.delete(draw);
      draw();
      if (performance.now() - startedAt > FRAME_BUDGET_MS) break;
    }
    if (waiting.size > 0) frame = requestAnimationFrame(run);
  };
  return {
    request(draw) {
      waiting.add(draw);
      if (frame === 0) frame = requestAnimationFrame(run);
    },
    cancel: (draw) => void waiting.delete(draw),
  };
}
