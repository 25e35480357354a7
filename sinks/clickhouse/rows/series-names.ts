/** A metric of a tenant: what rows of `readings` are sorted by before the device. */
export interface MetricGroup {
  readonly tenant: string;
  readonly metric: string;
}

/** The metrics of a reading, in their order: most readings of a fleet have one of a few. */
export interface MetricShape {
  readonly number: number;
  readonly names: readonly string[];
  /** Of each name the number of its group. */
  readonly groups: readonly number[];
}

/** Numbers for what the readings of one insert have in common, so that none of its names is kept or compared for each row. */
export class SeriesNames {
  readonly groups: MetricGroup[] = [];
  readonly shapes: MetricShape[] = [];
  readonly #shapes = new Map<string, MetricShape>();
  readonly #groups = new Map<string, number>();

  /** The shape with these names; `last` is the one to try first. */
  shapeOf(tenant: string, names: readonly string[], last: MetricShape | null): MetricShape {
    if (last !== null && isSame(last.names, names)) return last;
    // As JSON: a name may hold every character that a separator could be.
    const key = JSON.stringify([tenant, names]);
    const known = this.#shapes.get(key);
    if (known !== undefined) return known;
    const groups = names.map((metric) => this.#groupOf(tenant, metric));
    const shape = { number: this.shapes.length, names, groups };
    this.shapes.push(shape);
    this.#shapes.set(key, shape);
    return shape;
  }

  #groupOf(tenant: string, metric: string): number {
    const key = `${tenant}/${metric}`;
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const number = this.groups.length;
    this.groups.push({ tenant, metric });
    this.#groups.set(key, number);
    return number;
  }
}

function isSame(some: readonly string[], others: readonly string[]): boolean {
  if (some.length !== others.length) return false;
  for (let index = 0; index < some.length; index += 1) if (some[index] !== others[index]) return false;
  return true;
}
