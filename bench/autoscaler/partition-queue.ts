/** Records of one partition that wait, as groups that came at the same moment. */
export class PartitionQueue {
  end = 0;
  position = 0;
  private readonly groups: { readonly at: number; count: number }[] = [];
  private head = 0;

  add(at: number, count: number): void {
    if (count === 0) return;
    this.groups.push({ at, count });
    this.end += count;
  }

  /** Takes up to so many, the oldest first. */
  take(count: number): number {
    let left = count;
    for (let group = this.groups[this.head]; group !== undefined && left > 0; group = this.groups[this.head]) {
      const taken = Math.min(left, group.count);
      group.count -= taken;
      left -= taken;
      if (group.count === 0) this.head += 1;
    }
    if (this.head > 1000) this.groups.splice(0, this.head);
    if (this.head > 1000) this.head = 0;
    this.position += count - left;
    return count - left;
  }

  get lag(): number {
    return this.end - this.position;
  }

  /** Seconds that the oldest has waited; 0 with none. */
  age(at: number): number {
    const oldest = this.groups[this.head];
    return oldest === undefined ? 0 : at - oldest.at;
  }
}
