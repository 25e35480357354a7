/** Above this a piece of memory is nobody else's: smaller buffers Node may have cut from one that many share. */
const OWN_BYTES_MIN = 64 * 1024;

/**
 * Gives large memory that nobody looks at any more back at once: it is empty from then on. Left to the collector it counts against a small heap's limit,
 * and V8 marks the whole heap for it (docs/adr/0050-what-is-only-looked-at-stays-bytes.md). Passes over what is small, or a part of something larger.
 */
export function giveBack(views: Iterable<ArrayBufferView>): void {
  for (const { buffer, byteLength } of views) {
    const isWhole = byteLength === buffer.byteLength;
    if (isWhole && byteLength > OWN_BYTES_MIN && buffer instanceof ArrayBuffer) buffer.transfer(0);
  }
}
