import { computed, effect, type ReadonlySignal, signal, type Signal } from "@preact/signals";
import { createTimeFormat, type TimeFormat, type TimeZoneChoice } from "../model/format-time.ts";

export type ThemeChoice = "auto" | "light" | "dark";

export interface DisplaySettings {
  readonly theme: Signal<ThemeChoice>;
  /** What `theme` comes to now: charts are drawn anew when it changes. */
  readonly shownTheme: ReadonlySignal<"light" | "dark">;
  readonly zone: Signal<TimeZoneChoice>;
  readonly time: ReadonlySignal<TimeFormat>;
}

/** How this person likes to look at things; kept in the browser. */
export function createDisplaySettings(): DisplaySettings {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const systemIsDark = signal(dark.matches);
  dark.addEventListener("change", () => (systemIsDark.value = dark.matches));
  const theme = stored<ThemeChoice>("theme", ["auto", "light", "dark"]);
  const zone = stored<TimeZoneChoice>("zone", ["local", "utc"]);
  const shownTheme = computed(() => (theme.value === "auto" ? (systemIsDark.value ? "dark" : "light") : theme.value));
  effect(() => document.documentElement.setAttribute("data-theme", shownTheme.value));
  return { theme, shownTheme, zone, time: computed(() => createTimeFormat(zone.value)) };
}

function stored<T extends string>(name: string, choices: readonly [T, ...T[]]): Signal<T> {
  const key = `millrace.${name}`;
  const found = choices.find((choice) => choice === localStorage.getItem(key));
  const choice = signal<T>(found ?? choices[0]);
  effect(() => localStorage.setItem(key, choice.value));
  return choice;
}
