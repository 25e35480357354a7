const PATHS = {
  overview: "M3 3h6v6H3zM11 3h6v6h-6zM3 11h6v6H3zM11 11h6v6h-6z",
  devices: "M4 4h12v12H4zM8 8h4v4H8zM8 1.5V4M12 1.5V4M8 16v2.5M12 16v2.5M1.5 8H4M1.5 12H4M16 8h2.5M16 12h2.5",
  alarms: "M10 2.5a5 5 0 0 1 5 5c0 4 1.5 5.5 1.5 5.5h-13S5 11.5 5 7.5a5 5 0 0 1 5-5zM8.3 16a2 2 0 0 0 3.4 0",
  rejects: "M3 11.5 5.5 4h9l2.5 7.5v5H3zM3 11.5h4l1.2 2h3.6l1.2-2h4",
  partitions: "M3 3.5h14v3.5H3zM3 8.3h14v3.5H3zM3 13h14v3.5H3zM8 3.5V7M12 8.3v3.5M6 13v3.5",
  slow: "M10 3.5a6.5 6.5 0 1 1 0 13a6.5 6.5 0 0 1 0-13zM10 6.5V10l2.5 2M8 1.5h4",
  search: "M9 3a6 6 0 1 1 0 12A6 6 0 0 1 9 3zM13.5 13.5 17.5 17.5",
  sun: "M10 6.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7zM10 1.5v2M10 16.5v2M1.5 10h2M16.5 10h2M4 4l1.4 1.4M14.6 14.6 16 16M4 16l1.4-1.4M14.6 5.4 16 4",
  moon: "M16.5 11.8A7 7 0 0 1 8.2 3.5a7 7 0 1 0 8.3 8.3z",
  auto: "M10 3a7 7 0 1 1 0 14 7 7 0 0 1 0-14zM10 3v14M10 6.5h5.9M10 10h6.9M10 13.5h5.9",
  check: "M4 10.5 8.2 14.5 16 6",
  warning: "M10 3 18 16.5H2zM10 8.2v3.8M10 14.2v.2",
  back: "M12 4.5 6.5 10l5.5 5.5",
  copy: "M7 7h9v9H7zM4 13V4h9",
  table: "M3 4h14v12H3zM3 8h14M3 12h14M9 8v8",
  download: "M10 3v9.5M6 9l4 4 4-4M3.5 16.5h13",
  image: "M3 4h14v12H3zM3 13.5l4-4 3.5 3.5 2.5-2.5 4 4",
  up: "M5.5 12 10 7.5 14.5 12",
  down: "M5.5 8 10 12.5 14.5 8",
  close: "M5 5l10 10M15 5 5 15",
  unplugged: "M3 3l14 14M7.5 5.5V2.5M12.5 5.5V2.5M6 6v3a4 4 0 0 0 6 3.5M14 9V6H9.5M10 13.5v4",
  signOut: "M8 3.5H4v13h4M8.5 10H17M14 7l3 3-3 3",
} as const;
export type IconName = keyof typeof PATHS;

/** Decoration beside a text or a label; never the only bearer of meaning. */
export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 20 20" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
