import type { KafkaApi } from "./kafka-api.ts";

export interface ApiVersions {
  readonly errorCode: number;
  readonly apis: readonly { readonly key: number; readonly min: number; readonly max: number }[];
}

/** ApiVersions: which requests a broker takes. */
export const API_VERSIONS: KafkaApi<null, ApiVersions> = {
  name: "ApiVersions",
  key: 18,
  version: 0,
  flexible: false,
  encode: () => undefined,
  decode(reader) {
    const errorCode = reader.int16();
    return {
      errorCode,
      apis: reader.array(() => ({ key: reader.int16(), min: reader.int16(), max: reader.int16() })),
    };
  },
};

export interface ProducerId {
  readonly errorCode: number;
  readonly id: number;
  readonly epoch: number;
}

/** InitProducerId of an idempotent producer without transactions (KIP-98). */
export const INIT_PRODUCER_ID: KafkaApi<null, ProducerId> = {
  name: "InitProducerId",
  key: 22,
  version: 1,
  flexible: false,
  encode: (writer) => void writer.string(null).int32(0),
  decode(reader) {
    reader.int32();
    return { errorCode: reader.int16(), id: reader.int64(), epoch: reader.int16() };
  },
};
