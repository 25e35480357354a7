/** One reading sent with mosquitto_pub, as a shell takes it. */
export function publishLine(mqttUrl: string, device: string, token: string): string {
  const { hostname, port } = new URL(mqttUrl);
  const host = hostname.replace(/^\[|\]$/g, "");
  return `mosquitto_pub -h ${host} -p ${port} -u ${device} -P ${token} -q 1 -t v1/devices/me/telemetry -m '{"temperature":21.5}'`;
}

/** One reading sent with curl. */
export function postLine(ingestUrl: string, token: string): string {
  return `curl ${ingestUrl}/v1/telemetry -H 'Authorization: Bearer ${token}' -H 'Content-Type: application/json' -d '{"temperature":21.5}'`;
}
