import type { Duplex } from "node:stream";
import type { MqttFrame } from "../wire/mqtt-frame.ts";

/** Gathers frames to be passed on together: neighbours in one chunk go as one piece, without a copy. */
export class FrameBatch {
  readonly #pieces: Buffer[] = [];
  #source: Uint8Array | null = null;
  #start = 0;
  #end = 0;

  add(frame: MqttFrame): void {
    if (frame.source === this.#source && frame.start === this.#end) {
      this.#end = frame.end;
      return;
    }
    this.#cut();
    this.#source = frame.source;
    this.#start = frame.start;
    this.#end = frame.end;
  }

  pushTo(stream: Duplex): void {
    this.#cut();
    for (const piece of this.#pieces) stream.push(piece);
  }

  #cut(): void {
    if (this.#source === null) return;
    this.#pieces.push(Buffer.from(this.#source.buffer, this.#source.byteOffset + this.#start, this.#end - this.#start));
    this.#source = null;
  }
}
