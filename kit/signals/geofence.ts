import { z } from "zod";

/** Degrees, WGS 84. */
export interface Place {
  readonly latitude: number;
  readonly longitude: number;
}

/** Whether the device is inside; null before the first position. */
export const geofenceSchema = z.object({ inside: z.boolean() }).nullable();
export type GeofenceState = z.infer<typeof geofenceSchema>;

export interface GeofenceStep {
  readonly state: GeofenceState;
  /** Undefined when nothing has changed. */
  readonly crossed?: "enter" | "leave";
}

const METRES_PER_DEGREE = 111_195;

/**
 * Enter and leave of a polygon, whose corners stand in order; the last is joined to the first. A crossing counts only when the device is
 * `hysteresisM` metres past the border, so that one that stands on it does not come and go. For fences that are small on the globe and
 * away from its poles and the date line: the ground is taken as flat.
 */
export function geofence(state: GeofenceState, place: Place, polygon: readonly Place[], hysteresisM = 0): GeofenceStep {
  const inside = isInside(place, polygon);
  if (state === null) return { state: { inside } };
  if (inside === state.inside || distanceM(place, polygon) < hysteresisM) return { state };
  return { state: { inside }, crossed: inside ? "enter" : "leave" };
}

/** A line from the place to the east crosses the border an odd number of times. */
export function isInside({ latitude, longitude }: Place, polygon: readonly Place[]): boolean {
  let inside = false;
  for (const [a, b] of edgesOf(polygon)) {
    if (a.latitude > latitude === b.latitude > latitude) continue;
    const share = (latitude - a.latitude) / (b.latitude - a.latitude);
    if (longitude < a.longitude + share * (b.longitude - a.longitude)) inside = !inside;
  }
  return inside;
}

/** From the place to the nearest point of the border. */
function distanceM({ latitude, longitude }: Place, polygon: readonly Place[]): number {
  const east = METRES_PER_DEGREE * Math.cos((latitude * Math.PI) / 180);
  let least = Infinity;
  for (const [a, b] of edgesOf(polygon)) {
    const ax = (a.longitude - longitude) * east;
    const ay = (a.latitude - latitude) * METRES_PER_DEGREE;
    const dx = (b.longitude - a.longitude) * east;
    const dy = (b.latitude - a.latitude) * METRES_PER_DEGREE;
    const length = dx * dx + dy * dy;
    const share = length === 0 ? 0 : Math.min(1, Math.max(0, -(ax * dx + ay * dy) / length));
    least = Math.min(least, Math.hypot(ax + share * dx, ay + share * dy));
  }
  return least;
}

function edgesOf(polygon: readonly Place[]): readonly (readonly [Place, Place])[] {
  return polygon.map((corner, index) => [corner, polygon[(index + 1) % polygon.length] ?? corner]);
}
