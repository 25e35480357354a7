/** Magnus coefficients over water (Sonntag 1990), good from −45 to 60 °C. */
const A = 17.62;
const B = 243.12;
const HECTOPASCALS = 6.112;
/** g·K/J, from the gas constant of water vapour. */
const GRAMS = 2.16679;

/** °C, from °C and relative humidity in %. -Infinity for perfectly dry air. */
export function dewPoint(temperature: number, humidity: number): number {
  const gamma = Math.log(humidity / 100) + (A * temperature) / (B + temperature);
  return humidity <= 0 ? -Infinity : (B * gamma) / (A - gamma);
}

/** Grams of water in a cubic metre of air, from °C and relative humidity in %. */
export function absoluteHumidity(temperature: number, humidity: number): number {
  const pascals = humidity * HECTOPASCALS * Math.exp((A * temperature) / (B + temperature));
  return (GRAMS * pascals) / (273.15 + temperature);
}

/**
 * What the air feels like, °C, from °C and relative humidity in %: the regression of the US National Weather Service (Rothfusz 1990) from
 * 80 °F on, with its adjustments, the simple formula of Steadman below.
 */
export function heatIndex(temperature: number, humidity: number): number {
  const t = temperature * 1.8 + 32;
  const simple = (t + 61 + (t - 68) * 1.2 + humidity * 0.094) / 2;
  const fahrenheit = (simple + t) / 2 < 80 ? simple : rothfusz(t, humidity);
  return (fahrenheit - 32) / 1.8;
}

function rothfusz(t: number, rh: number): number {
  const index =
    -42.379 +
    2.04901523 * t +
    10.14333127 * rh -
    0.22475541 * t * rh -
    6.83783e-3 * t * t -
    5.481717e-2 * rh * rh +
    1.22874e-3 * t * t * rh +
    8.5282e-4 * t * rh * rh -
    1.99e-6 * t * t * rh * rh;
  if (rh < 13 && t <= 112) return index - ((13 - rh) / 4) * Math.sqrt((17 - Math.abs(t - 95)) / 17);
  if (rh > 85 && t <= 87) return index + ((rh - 85) / 10) * ((87 - t) / 5);
  return index;
}
