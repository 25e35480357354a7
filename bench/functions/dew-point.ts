import { defineMap, z } from "millrace/function";

export const dewPoint = defineMap({
  name: "dew-point",
  input: z.object({ temperature: z.number(), humidity: z.number() }),
  process({ metrics: { temperature, humidity } }) {
    const gamma = Math.log(humidity / 100) + (17.62 * temperature) / (243.12 + temperature);
    return { dew_point: (243.12 * gamma) / (17.62 - gamma) };
  },
});
