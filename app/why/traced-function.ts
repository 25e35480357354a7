import type { StageFunction, StateSlots, StreamContext } from "../../core/function.ts";
import type { OutputTopic } from "../../core/topics.ts";

/** Offsets of the records that a value was made of. */
type Lineage = Set<number>;

export interface Emission {
  readonly topic: OutputTopic;
  readonly value: unknown;
  readonly causes: ReadonlySet<number>;
}

/**
 * Follows which records the state of one device, and so its outputs, were made of: a call reads its input and the slots that it asks for, and
 * what it writes was made of these.
 */
export class FunctionTrace {
  /** Of the record that runs. */
  offset = 0;
  private readonly slots = new Map<string, Lineage>();
  private emitted: Emission[] = [];

  /** What was emitted since it was last asked. */
  takeEmissions(): readonly Emission[] {
    const { emitted } = this;
    this.emitted = [];
    return emitted;
  }

  /** The same function, followed. */
  follow(fn: StageFunction): StageFunction {
    if (fn.kind === "map") {
      const process: typeof fn.process = (input, context) => {
        const emit: typeof context.emit = (topic, value) => {
          context.emit(topic, value);
          this.emitted.push({ topic, value: copyOf(value), causes: new Set([this.offset]) });
        };
        fn.process(input, { ...plainContext(context), emit });
      };
      return { ...fn, process };
    }
    const onInput: typeof fn.onInput = (input, context) =>
      fn.onInput(input, this.streamContext(context, [this.offset]));
    const { onTimer, onConfig } = fn;
    return {
      ...fn,
      onInput,
      ...(onTimer && {
        onTimer: (name, at, context) => fn.onTimer?.(name, at, this.streamContext(context, [])),
      }),
      ...(onConfig && { onConfig: (change, context) => fn.onConfig?.(change, this.streamContext(context, [])) }),
    };
  }

  private streamContext(context: StreamContext<unknown>, input: readonly number[]): StreamContext<unknown> {
    const read = new Map<string, Lineage>();
    const note = (name: string): void => {
      const known = this.slots.get(name);
      if (known !== undefined) read.set(name, known);
    };
    const madeOf = (own: Lineage): Lineage => {
      for (const one of read.values()) if (one !== own) for (const offset of one) own.add(offset);
      for (const offset of input) own.add(offset);
      return own;
    };
    const { state } = context;
    const slots: StateSlots<unknown> = {
      names: () => state.names(),
      get(name) {
        note(name);
        return state.get(name);
      },
      set: (name, value) => {
        state.set(name, value);
        // What a call has read and puts back only grows: nothing is copied for it.
        this.slots.set(name, madeOf(read.get(name) ?? new Set()));
      },
      changed: (name, before) => {
        state.changed(name, before);
        this.slots.set(name, madeOf(read.get(name) ?? new Set()));
      },
      delete: (name) => {
        state.delete(name);
        this.slots.delete(name);
      },
    };
    return {
      ...plainContext(context),
      timers: context.timers,
      state: slots,
      emit: (topic, value) => {
        context.emit(topic, value);
        this.emitted.push({ topic, value: copyOf(value), causes: madeOf(new Set()) });
      },
    };
  }
}

function plainContext(
  context: Pick<StreamContext<unknown>, "tenant" | "device" | "receiveTime" | "watermark" | "config" | "count">,
) {
  const { tenant, device, receiveTime, watermark, config } = context;
  return {
    tenant,
    device,
    receiveTime,
    watermark,
    config,
    count: (...of: Parameters<typeof context.count>) => context.count(...of),
  };
}

/** As it will be in the log. */
function copyOf(value: object): unknown {
  return JSON.parse(JSON.stringify(value));
}
