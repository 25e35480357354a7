import { crc32c } from "@node-rs/crc32";

/** crc32c (Castagnoli), as Kafka's batches have it: an unsigned 32-bit integer. */
export function checksum(bytes: Uint8Array): number {
  return crc32c(bytes);
}
