import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { useApp } from "../state/app-state.ts";
import { readChartColors } from "./chart-colors.ts";
import { createTimeChart, type TimeChart, type TimeChartOptions } from "./time-chart.ts";

type UseTimeChartOptions = Pick<TimeChartOptions, "syncKey" | "fromZero" | "onHover"> &
  Partial<Pick<TimeChartOptions, "onZoom" | "onReset">> & { onReady(chart: TimeChart): void };

/** A chart that fills the element, made anew when theme or time zone change. */
export function useTimeChart(
  element: RefObject<HTMLElement | null>,
  options: UseTimeChartOptions,
): RefObject<TimeChart | null> {
  const { settings } = useApp();
  const chart = useRef<TimeChart | null>(null);
  const current = useRef(options);
  current.current = options;
  const theme = settings.shownTheme.value;
  const zone = settings.zone.value;
  useLayoutEffect(() => {
    if (element.current === null) return undefined;
    const { onZoom, onReset, syncKey, fromZero } = current.current;
    const made = createTimeChart({
      element: element.current,
      colors: readChartColors(),
      time: settings.time.peek(),
      isUtc: zone === "utc",
      syncKey,
      fromZero,
      onHover: (hovered) => current.current.onHover(hovered),
      ...(onZoom === undefined ? {} : { onZoom: (from: number, to: number) => current.current.onZoom?.(from, to) }),
      ...(onReset === undefined ? {} : { onReset: () => current.current.onReset?.() }),
    });
    chart.current = made;
    current.current.onReady(made);
    return () => {
      chart.current = null;
      made.destroy();
    };
  }, [theme, zone]);
  useEffect(() => {
    const box = element.current;
    if (box === null) return undefined;
    const observer = new ResizeObserver(() => chart.current?.resize());
    observer.observe(box);
    return () => observer.disconnect();
  }, []);
  return chart;
}
