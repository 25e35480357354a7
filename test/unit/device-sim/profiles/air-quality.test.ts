import { describeProfile } from "./profile-suite.ts";

describeProfile("air-quality", ["pm25", "pm10", "no2", "co2", "temperature"]);
