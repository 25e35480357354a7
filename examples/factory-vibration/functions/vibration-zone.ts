import { defineMap, z } from "millrace/function";

/** Upper ends of the zones A, B and C for machines of up to 300 kW on rigid ground, mm/s RMS: ISO 20816-3. */
const ZONE_ENDS = [2.3, 4.5, 7.1] as const;
const ZONES = ["A", "B", "C", "D"] as const;

/** The zone of ISO 20816 that a running machine's vibration lies in: A as new, D does damage. */
export const vibrationZone = defineMap({
  name: "vibration-zone",
  input: z.object({ vibration: z.number().nonnegative(), running: z.literal(true) }),
  process({ metrics: { vibration } }) {
    const level = ZONE_ENDS.filter((end) => vibration > end).length;
    return { zone: ZONES[level], zone_level: level };
  },
});
