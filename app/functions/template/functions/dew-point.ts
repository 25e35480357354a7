import { defineMap, z } from "millrace/function";

/** Magnus formula over water: Sonntag (1990), good from −45 to 60 °C. */
const A = 17.62;
const B = 243.12;

/** At what temperature the air's water condenses, °C: below it walls and goods get wet. */
export const dewPoint = defineMap({
  name: "dew-point",
  input: z.object({ temperature: z.number(), humidity: z.number().min(1).max(100) }),
  process({ metrics: { temperature, humidity } }) {
    const gamma = Math.log(humidity / 100) + (A * temperature) / (B + temperature);
    const dewPointC = (B * gamma) / (A - gamma);
    return { dew_point: Math.round(dewPointC * 100) / 100 };
  },
});
