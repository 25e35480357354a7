import { formatSourcePosition } from "../core/source-position.ts";
import { EncodedRecords } from "../wire/encoded-records.ts";
import { StepSource } from "../wire/step-source.ts";
import { textOfJson } from "../wire/written-json.ts";
import type { ControlKind } from "../core/control.ts";
import type { RecordInput } from "../core/record.ts";
import type { OutputTopic, TopicName } from "../core/topics.ts";
import type { Step } from "../core/commit-unit.ts";
import type { CallInput } from "./function-call.ts";
import type { DerivedRecord } from "../wire/encoded-records.ts";
import type { UndoLog } from "./undo-log.ts";

export interface OutputOrigin {
  readonly stage: string;
  readonly topic: TopicName;
  readonly partition: number;
  readonly generation: number;
}

export interface Output extends DerivedRecord {
  readonly topic: OutputTopic;
  readonly controlKind?: ControlKind;
}

/** One that has not left, as a text: what writes itself writes another one next. */
export interface HeldOutput extends Output {
  readonly json: string;
}

/** The outputs since the last unit. Each gets the source position of the step that made it. */
export class OutputBuffer {
  bytes = 0;
  /** Of the outputs of this step. */
  stepBytes = 0;
  private readonly undo: UndoLog;
  private readonly source: StepSource;
  private readonly records = new EncodedRecords();
  /** Of each record the topic; what lies behind them is of units before. */
  private readonly topics: TopicName[] = [];
  private at: Step = { offset: 0, step: 0 };
  /** Whether a step has begun that outputs would belong to. */
  private isInStep = false;
  private index = 0;
  private held: HeldOutput[] | null = null;
  private readonly next = {
    topic: "readings" as OutputTopic,
    key: "",
    timestamp: 0,
    functionVersion: "",
    json: "" as Output["json"],
  };

  constructor(undo: UndoLog, origin: OutputOrigin) {
    this.undo = undo;
    // Everything before the offset stays the same for the life of the partition's owner: formatted once.
    this.source = new StepSource(
      formatSourcePosition({ ...origin, offset: 0, step: 0, index: 0 }).slice(0, -"0 0 0".length),
    );
  }

  /** Outputs from here on belong to this step. False when they did already. */
  beginStep(at: Step): boolean {
    if (at.offset === this.at.offset && at.step === this.at.step && this.isInStep) return false;
    this.at = at;
    this.isInStep = true;
    this.source.moveTo(at);
    this.index = 0;
    this.stepBytes = 0;
    return true;
  }

  /** The step that begins next is another one, wherever it stands. */
  leaveStep(): void {
    this.isInStep = false;
  }

  /** What `run` puts out does not leave: it is returned, to be pushed or dropped. */
  hold(run: () => void): readonly HeldOutput[] {
    const { held: outer, stepBytes } = this;
    const held: HeldOutput[] = [];
    this.held = held;
    try {
      run();
    } finally {
      this.held = outer;
    }
    const bytes = this.stepBytes - stepBytes;
    this.stepBytes = stepBytes;
    this.undo.record(addStepBytes, this, bytes, null);
    return held;
  }

  /** As `push`, of what a call puts out under its device's key: nearly all of it, so that no object is made for each. */
  pushOf({ placed, key, receiveTime }: CallInput, topic: OutputTopic, json: Output["json"]): void {
    const { next } = this;
    next.topic = topic;
    next.key = key.deviceKey;
    next.timestamp = receiveTime;
    next.functionVersion = placed.functionVersion;
    next.json = json;
    this.push(next);
  }

  push(output: Output): void {
    if (this.held === null) this.append(output);
    else this.keep(this.held, output);
  }

  private keep(held: HeldOutput[], output: Output): void {
    const json = typeof output.json === "string" ? output.json : textOfJson(output.json);
    const bytes = Buffer.byteLength(json);
    held.push({ ...output, json });
    this.stepBytes += bytes;
    this.undo.record(takeHeld, this, held, bytes);
  }

  private append(output: Output): void {
    this.topics[this.records.length] = output.topic;
    const bytes = this.records.append(output, this.source, this.index);
    this.index += 1;
    this.bytes += bytes;
    this.stepBytes += bytes;
    this.undo.record(takeLast, this, bytes, null);
  }

  /** Undoes the last `append`. */
  takeLast(bytes: number): void {
    this.records.takeLast();
    this.index -= 1;
    this.bytes -= bytes;
    this.stepBytes -= bytes;
  }

  /** Ends a unit: its outputs per topic, in the order in which they were made. */
  take(): ReadonlyMap<TopicName, readonly RecordInput[]> {
    const byTopic = new Map<TopicName, RecordInput[]>();
    for (let place = 0; place < this.records.length; place += 1) {
      const topic = this.topics[place];
      if (topic === undefined) continue;
      const record = this.records.at(place);
      const known = byTopic.get(topic);
      if (known === undefined) byTopic.set(topic, [record]);
      else known.push(record);
    }
    this.records.clear();
    this.bytes = 0;
    return byTopic;
  }
}

function takeLast(buffer: OutputBuffer, bytes: number): void {
  buffer.takeLast(bytes);
}

function takeHeld(buffer: OutputBuffer, held: HeldOutput[], bytes: number): void {
  held.pop();
  buffer.stepBytes -= bytes;
}

function addStepBytes(buffer: OutputBuffer, bytes: number): void {
  buffer.stepBytes += bytes;
}
