const MARGIN = 12;
const TITLE_HEIGHT = 24;

/** Saves the chart as it is seen, on the page's own background and with its name. */
export function savePng(chart: HTMLCanvasElement, title: string): void {
  const scale = devicePixelRatio;
  const canvas = document.createElement("canvas");
  canvas.width = chart.width + 2 * MARGIN * scale;
  canvas.height = chart.height + (2 * MARGIN + TITLE_HEIGHT) * scale;
  const context = canvas.getContext("2d");
  if (context === null) return;
  const style = getComputedStyle(document.documentElement);
  context.fillStyle = style.getPropertyValue("--surface");
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = style.getPropertyValue("--text");
  context.font = `600 ${13 * scale}px system-ui, sans-serif`;
  context.textBaseline = "top";
  context.fillText(title, MARGIN * scale, MARGIN * scale);
  context.drawImage(chart, MARGIN * scale, (MARGIN + TITLE_HEIGHT) * scale);
  canvas.toBlob((blob) => blob && saveFile(blob, `${title}.png`), "image/png");
}

export function saveFile(content: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name.replace(/[^\w.-]+/g, "-");
  link.click();
  // The download has begun by then; the browser keeps what it needs.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
