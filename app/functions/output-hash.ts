import { createHash } from "node:crypto";
import { outputText } from "../../kit/run-records.ts";
import { VarintReader } from "../../wire/varint.ts";
import type { EncodedParts, RecordInput } from "../../core/record.ts";
import type { TopicName } from "../../core/topics.ts";

const BUFFER_BYTES = 64 * 1024;
/** What one character takes in UTF-8, at most. */
const CHARACTER_BYTES = 3;
const BLANK = 0x20;
const EQUALS = 0x3d;

/** Hashes are fed one at a time, and what is gathered here is none of the next one's: a call into the hash costs as much as a few hundred bytes. */
const gathered = Buffer.allocUnsafeSlow(BUFFER_BYTES);

/** SHA-256 of the `outputText` of outputs of one topic, one behind the other. Of what is in bytes already no text is made. */
export class OutputHash {
  private readonly topic: TopicName;
  private readonly hash = createHash("sha256");
  private length = 0;

  constructor(topic: TopicName) {
    this.topic = topic;
  }

  add(records: readonly RecordInput[]): void {
    for (const record of records) {
      if (record.encoded === undefined) this.addText(record);
      else this.addEncoded(record, record.encoded);
    }
    this.flush();
  }

  /** Ends it. */
  digest(): Uint8Array {
    return this.hash.digest();
  }

  private addText(record: RecordInput): void {
    this.flush();
    this.hash.update(outputText({ topic: this.topic, record }));
  }

  private addEncoded(record: RecordInput, { bytes, valueStart, valueEnd, headersEnd }: EncodedParts): void {
    const front = `${this.topic} ${record.key} ${record.timestamp} `;
    // Of a header's two lengths there are a sign between name and value, and a blank.
    const longest = front.length * CHARACTER_BYTES + (headersEnd - valueStart) + 1;
    if (longest > BUFFER_BYTES) return this.addText(record);
    if (this.length + longest > BUFFER_BYTES) this.flush();
    let at = this.length + gathered.write(front, this.length, "utf8");
    const headers = new VarintReader(bytes, valueEnd, headersEnd);
    for (let left = headers.readVarint(); left > 0; left -= 1) {
      const nameLength = headers.readVarint();
      at = copy(bytes, headers.skip(nameLength), headers.at, at);
      gathered[at] = EQUALS;
      const valueLength = headers.readVarint();
      at = copy(bytes, headers.skip(valueLength), headers.at, at + 1);
      gathered[at] = BLANK;
      at += left === 1 ? 0 : 1;
    }
    gathered[at] = BLANK;
    this.length = at + 1 + bytes.copy(gathered, at + 1, valueStart, valueEnd);
  }

  private flush(): void {
    if (this.length === 0) return;
    this.hash.update(gathered.subarray(0, this.length));
    this.length = 0;
  }
}

/** Short texts, which a loop copies faster than a call. Returns the place behind them. */
function copy(from: Buffer, start: number, end: number, to: number): number {
  for (let at = start; at < end; at += 1) gathered[to + at - start] = from[at] ?? 0;
  return to + end - start;
}
