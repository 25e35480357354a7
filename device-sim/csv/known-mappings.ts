import { csvMappingSchema, type CsvMapping } from "./csv-mapping.ts";

/** Mappings of public recordings, by name. */
export const KNOWN_MAPPINGS: Readonly<Record<string, CsvMapping>> = {
  /** LoRaWAN frames of CampusIoT, Université Grenoble Alpes: event time is what the first hotspot reports, paced by arrival. */
  campusiot: csvMappingSchema.parse({
    device: "dev_eui",
    ts: { column: "reported_at_ms", unit: "ms" },
    sent: { column: "received_at_ms", unit: "ms" },
    metrics: { fcnt: "fcnt", rssi: "rssi", snr: "snr" },
    json: ["payload_json"],
  }),
  /** UCI's Beijing multi-site air quality: hourly, wall clock UTC+8 without daylight saving. */
  "beijing-air": csvMappingSchema.parse({
    device: "station",
    ts: { year: "year", month: "month", day: "day", hour: "hour", utcOffsetMinutes: 480 },
    metrics: {
      pm25: "PM2.5",
      pm10: "PM10",
      so2: "SO2",
      no2: "NO2",
      co: "CO",
      o3: "O3",
      temperature: "TEMP",
      pressure: "PRES",
      dewPoint: "DEWP",
      rain: "RAIN",
      windDirection: "wd",
      windSpeed: "WSPM",
    },
    missing: ["NA"],
  }),
};
