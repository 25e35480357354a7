/**
 * Counters and gauges of the process, Prometheus' model. Names are `millrace_…`, counters end in `_total`. Labels are few and bounded:
 * never a device id. Rooms get a `Metrics` and call it on hot paths: an increment is one addition.
 */
export interface Counter {
  add(by?: number): void;
}

export interface Gauge {
  set(value: number): void;
}

export interface Metrics {
  counter(name: string, help: string, labels?: Readonly<Record<string, string>>): Counter;
  gauge(name: string, help: string, labels?: Readonly<Record<string, string>>): Gauge;
}

export interface MetricSample {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A plain registry of samples for one thread; app joins the threads' snapshots for `/metrics`. */
export function createMetrics(): Metrics & { snapshot(): readonly MetricSample[] } {
  const cells = new Map<string, { sample: Omit<MetricSample, "value">; value: number }>();
  const cell = (type: "counter" | "gauge", name: string, help: string, labels: Readonly<Record<string, string>>) => {
    const id = `${name} ${JSON.stringify(labels)}`;
    const known = cells.get(id);
    if (known) return known;
    const made = { sample: { name, type, help, labels }, value: 0 };
    cells.set(id, made);
    return made;
  };
  return {
    counter(name, help, labels = {}) {
      const counter = cell("counter", name, help, labels);
      return { add: (by = 1) => void (counter.value += by) };
    },
    gauge(name, help, labels = {}) {
      const gauge = cell("gauge", name, help, labels);
      return { set: (value) => void (gauge.value = value) };
    },
    snapshot: () => [...cells.values()].map(({ sample, value }) => ({ ...sample, value })),
  };
}
