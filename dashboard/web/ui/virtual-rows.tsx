import type { ComponentChildren, Key } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

const OVERSCAN_ROWS = 8;

interface VirtualRowsProps<T> {
  readonly items: readonly T[];
  readonly rowHeight: number;
  keyOf(item: T): Key;
  render(item: T, index: number): ComponentChildren;
  /** Called with the rows that are on the screen, give or take a few. */
  onVisible?(items: readonly T[]): void;
  /** Called when the last row comes near. */
  onEnd?(): void;
}

/** Rows of one height in the page's own scroll; only those near the screen exist. */
export function VirtualRows<T>({ items, rowHeight, keyOf, render, onVisible, onEnd }: VirtualRowsProps<T>) {
  const box = useRef<HTMLDivElement>(null);
  const [range, setRange] = useState({ from: 0, to: 60 });
  useLayoutEffect(() => {
    let frame = 0;
    const measure = () => {
      frame = 0;
      if (box.current === null) return;
      const top = -box.current.getBoundingClientRect().top;
      const from = Math.max(0, Math.floor(top / rowHeight) - OVERSCAN_ROWS);
      const to = Math.max(from, Math.ceil((top + innerHeight) / rowHeight) + OVERSCAN_ROWS);
      setRange((known) => (known.from === from && known.to === to ? known : { from, to }));
    };
    const windowOnScroll = () => {
      if (frame === 0) frame = requestAnimationFrame(measure);
    };
    measure();
    addEventListener("scroll", windowOnScroll, { passive: true });
    addEventListener("resize", windowOnScroll);
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener("scroll", windowOnScroll);
      removeEventListener("resize", windowOnScroll);
    };
  }, [rowHeight]);
  const visible = items.slice(range.from, range.to);
  useLayoutEffect(() => onVisible?.(visible), [items, range.from, range.to]);
  useLayoutEffect(() => {
    if (range.to >= items.length) onEnd?.();
  }, [items.length, range.to]);
  return (
    <div ref={box} class="virtual-rows" role="rowgroup" style={{ height: `${items.length * rowHeight}px` }}>
      {visible.map((item, i) => (
        <div
          key={keyOf(item)}
          class="virtual-row"
          role="presentation"
          style={{ transform: `translateY(${(range.from + i) * rowHeight}px)`, height: `${rowHeight}px` }}
        >
          {render(item, range.from + i)}
        </div>
      ))}
    </div>
  );
}
