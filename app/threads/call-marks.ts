import type { CallPosition } from "../../core/verdict.ts";
import type { HeldMarker } from "../../runtime/suspects.ts";

/** Which call, of which partition. */
export interface CallPlace extends CallPosition {
  readonly partition: number;
}

/** What is seen of a thread from outside. */
export interface CallReading {
  /** Change with every call that begins or ends, and with every beat of the thread's event loop. */
  readonly marks: number;
  readonly beats: number;
  /** Where the thread is, or was last. `call` is 0 when none of a function's runs. */
  readonly at: CallPlace;
}

const BYTES = 32;
const [MARKS, BEATS, PARTITION, STEP, CALL] = [0, 1, 2, 3, 4];
/** Of 8 bytes: behind the others. */
const OFFSET = 3;

export function createCallMarks(): SharedArrayBuffer {
  return new SharedArrayBuffer(BYTES);
}

export interface CallMarks extends HeldMarker {
  /** The event loop turns. */
  beat(): void;
}

/**
 * The thread's own side. Plain stores: who looks acts only on what has not changed for long, and reads the place after the thread has
 * ended. When a call begins the count comes last, and by Atomics, so that nothing is put off until after a call that never ends.
 */
export function writeCallMarks(buffer: SharedArrayBuffer): CallMarks {
  const words = new Int32Array(buffer, 0, 6);
  const offsets = new Float64Array(buffer);
  let marks = 0;
  let held = false;
  const end = (): void => {
    words[CALL] = 0;
    marks = (marks + 1) | 0;
    words[MARKS] = marks;
  };
  return {
    mark(partition, offset, step, call) {
      if (call === 0) {
        if (!held) end();
        return;
      }
      words[PARTITION] = partition;
      words[STEP] = step;
      words[CALL] = call;
      offsets[OFFSET] = offset;
      marks = (marks + 1) | 0;
      Atomics.store(words, MARKS, marks);
    },
    hold: () => void (held = true),
    release() {
      held = false;
      end();
    },
    beat: () => void Atomics.add(words, BEATS, 1),
  };
}

export function readCallMarks(buffer: SharedArrayBuffer): CallReading {
  const words = new Int32Array(buffer, 0, 6);
  const offset = new Float64Array(buffer)[OFFSET] ?? 0;
  const [marks = 0, beats = 0, partition = 0, step = 0, call = 0] = [0, 1, 2, 3, 4].map((at) =>
    Atomics.load(words, at),
  );
  return { marks, beats, at: { partition, offset, step, call } };
}
