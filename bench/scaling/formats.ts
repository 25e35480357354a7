/** Three significant digits are more than a model can give. */
export function figure(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString("en", { maximumFractionDigits: 3 });
}

export function count(value: number): string {
  return Math.round(value).toLocaleString("en");
}

export function percent(share: number): string {
  return `${(100 * share).toLocaleString("en", { maximumFractionDigits: 1 })} %`;
}

export function dollars(value: number): string {
  return `$${value < 0.01 ? value.toFixed(5) : value.toFixed(4)}`;
}

export function bytes(value: number): string {
  const units = ["GB", "TB", "PB"];
  const place = Math.min(2, Math.max(0, Math.floor(Math.log10(value / 1e9) / 3)));
  return `${figure(value / 1e9 / 1000 ** place)} ${units[place]}`;
}
