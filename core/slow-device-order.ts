/**
 * What slow devices are ranked by: how long they have said nothing, how long readings are under way, how much of what they send does not count.
 * Browsers load this: it imports nothing.
 */
export const SLOW_DEVICE_ORDERS = ["silence", "delay", "rejects"] as const;
export type SlowDeviceOrder = (typeof SLOW_DEVICE_ORDERS)[number];
