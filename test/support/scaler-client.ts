import { Client, credentials, type ServiceError } from "@grpc/grpc-js";

export interface ScaledObject {
  readonly metadata: Readonly<Record<string, string>>;
  readonly name?: string;
}

/**
 * A client of KEDA's ExternalScaler that writes and reads the bytes itself, by the field numbers of the published interface: what it
 * understands, KEDA does.
 */
export class ScalerClient {
  private readonly client: Client;

  constructor(port: number) {
    this.client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  }

  async isActive(object: ScaledObject): Promise<boolean> {
    return resultOf(await this.call("IsActive", scaledObject(object)));
  }

  /** The metric's name and the target for one pod. */
  async metricSpec(object: ScaledObject): Promise<{ readonly name: string; readonly target: number }> {
    const [spec = Buffer.alloc(0)] = fieldsOf(await this.call("GetMetricSpec", scaledObject(object))).messages(1);
    const fields = fieldsOf(spec);
    return { name: fields.messages(1)[0]?.toString() ?? "", target: fields.doubles(3)[0] ?? 0 };
  }

  async metric(object: ScaledObject, metricName = "s0"): Promise<number> {
    const request = Buffer.concat([
      lengthDelimited(1, scaledObject(object)),
      lengthDelimited(2, Buffer.from(metricName)),
    ]);
    const [value = Buffer.alloc(0)] = fieldsOf(await this.call("GetMetrics", request)).messages(1);
    const fields = fieldsOf(value);
    if (fields.messages(1)[0]?.toString() !== metricName) throw new Error("the answer is of another metric");
    // What is 0 is not written.
    const [whole = 0] = fields.varints(2);
    const [double = 0] = fields.doubles(3);
    if (whole !== double) throw new Error(`${whole} is not ${double}`);
    return whole;
  }

  /** Each state with the time at which it came (`performance.now`). */
  follow(object: ScaledObject): FollowedScaler {
    const path = "/externalscaler.ExternalScaler/StreamIsActive";
    const call = this.client.makeServerStreamRequest(path, plain, plain, scaledObject(object));
    const states: { readonly isActive: boolean; readonly at: number }[] = [];
    const ended = new Promise<ServiceError | null>((resolve) => {
      call.on("data", (bytes: Buffer) => states.push({ isActive: resultOf(bytes), at: performance.now() }));
      call.on("error", resolve);
      call.on("end", () => resolve(null));
    });
    return { states, ended, cancel: () => call.cancel() };
  }

  close(): void {
    this.client.close();
  }

  private call(method: string, request: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const deadline = Date.now() + 10_000;
      const path = `/externalscaler.ExternalScaler/${method}`;
      this.client.makeUnaryRequest(path, plain, plain, request, { deadline }, (error, answer) => {
        if (error === null) resolve(answer ?? Buffer.alloc(0));
        else reject(error);
      });
    });
  }
}

export interface FollowedScaler {
  readonly states: readonly { readonly isActive: boolean; readonly at: number }[];
  /** Null: the server has ended it. */
  readonly ended: Promise<ServiceError | null>;
  cancel(): void;
}

function plain(bytes: Buffer): Buffer {
  return bytes;
}

/** name = 1, namespace = 2, scalerMetadata = 3: a message of key = 1 and value = 2 for each entry. */
function scaledObject({ metadata, name = "millrace-processors" }: ScaledObject): Buffer {
  const entries = Object.entries(metadata).map(([key, value]) =>
    lengthDelimited(3, Buffer.concat([lengthDelimited(1, Buffer.from(key)), lengthDelimited(2, Buffer.from(value))])),
  );
  return Buffer.concat([lengthDelimited(1, Buffer.from(name)), lengthDelimited(2, Buffer.from("iot")), ...entries]);
}

/** Of up to 127 bytes. */
function lengthDelimited(field: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(field << 3) | 2, bytes.length]), bytes]);
}

function resultOf(bytes: Buffer): boolean {
  return fieldsOf(bytes).varints(1)[0] === 1;
}

function fieldsOf(bytes: Buffer) {
  const found: { readonly field: number; readonly value: Buffer | number; readonly isDouble: boolean }[] = [];
  for (let at = 0; at < bytes.length;) {
    const [field, kind] = [(bytes[at] ?? 0) >> 3, (bytes[at] ?? 0) & 7];
    const first = bytes[at + 1] ?? 0;
    if (kind === 0) {
      found.push({ field, value: first, isDouble: false });
      at += 2;
    } else if (kind === 1) {
      found.push({ field, value: bytes.readDoubleLE(at + 1), isDouble: true });
      at += 9;
    } else {
      found.push({ field, value: bytes.subarray(at + 2, at + 2 + first), isDouble: false });
      at += 2 + first;
    }
  }
  const of = (field: number, isDouble: boolean) =>
    found.filter((one) => one.field === field && one.isDouble === isDouble).map(({ value }) => value);
  return {
    messages: (field: number) => of(field, false).filter((value) => typeof value !== "number"),
    varints: (field: number) => of(field, false).filter((value) => typeof value === "number"),
    doubles: (field: number) => of(field, true).filter((value) => typeof value === "number"),
  };
}
