/** Hidden pages get no animation frames; they take in what came this often, or when this much waits. */
const HIDDEN_MS = 1000;
const WAITING_MAX = 500;

/** Collects what comes and hands it over once per animation frame. */
export function createFrameQueue<T>(onFrame: (items: readonly T[]) => void): { push(item: T): void } {
  let waiting: T[] = [];
  let frame = 0;
  let timer = 0;
  const flush = () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    frame = 0;
    const items = waiting;
    waiting = [];
    onFrame(items);
  };
  return {
    push(item) {
      waiting.push(item);
      if (waiting.length >= WAITING_MAX) flush();
      else if (frame === 0) {
        frame = requestAnimationFrame(flush);
        timer = window.setTimeout(flush, HIDDEN_MS);
      }
    },
  };
}
