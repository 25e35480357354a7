import { LIMITS } from "../../../core/limits.ts";

/** Hidden pages get no animation frames; they take in what came this often, or when this much waits. */
const HIDDEN_MS = 1000;

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
      if (waiting.length >= LIMITS.browserMessagesWaitingMax) flush();
      else if (frame === 0) {
        frame = requestAnimationFrame(flush);
        timer = window.setTimeout(flush, HIDDEN_MS);
      }
    },
  };
}
