import { KafkaReader } from "./kafka-reader.ts";
import { KafkaWriter } from "./kafka-writer.ts";

/**
 * One request of Kafka's protocol in the one version that is spoken here: the last before flexible versions (KIP-482) where there is
 * one, because Kafka 4 still takes those and their bytes are plainer.
 */
export interface KafkaApi<Request, Response> {
  readonly name: string;
  readonly key: number;
  readonly version: number;
  /** True when headers and structures carry tagged fields. */
  readonly flexible: boolean;
  encode(writer: KafkaWriter, request: Request): void;
  decode(reader: KafkaReader): Response;
}

/** What goes behind the client id in a request's header, in pieces. */
export function encodeRequest<Request>(api: KafkaApi<Request, unknown>, request: Request): readonly Uint8Array[] {
  const writer = new KafkaWriter();
  if (api.flexible) writer.noTags();
  api.encode(writer, request);
  return writer.pieces();
}

/** `bytes` is what comes behind the correlation id. */
export function decodeResponse<Response>(api: KafkaApi<never, Response>, bytes: Buffer): Response {
  const reader = new KafkaReader(bytes);
  if (api.flexible) reader.skipTags();
  return api.decode(reader);
}
