/** Kubernetes: the HPA controller looks every 15 s (--horizontal-pod-autoscaler-sync-period). */
export const HPA_SYNC_SECONDS = 15;
const STABILIZATION_SECONDS = 300;
const UP_PODS = 4;
const UP_FACTOR = 2;
const TOLERANCE = 0.1;

/** kubernetes/kubernetes, podautoscaler/replica_calculator.go: a ratio within a tenth of 1 changes nothing. */
export function isTolerated(ratio: number): boolean {
  return Math.abs(1 - ratio) <= TOLERANCE;
}

/**
 * What the HPA makes of recommendations when no behaviour is set (kubernetes/kubernetes, pkg/apis/autoscaling/v2/defaults.go): up at once, by
 * four pods or the double in 15 s, whichever is more; down to the greatest recommendation of the last 300 s.
 */
export function hpaBehaviour(): (at: number, current: number, recommended: number) => number {
  let recommendations: { readonly at: number; readonly replicas: number }[] = [];
  return (at, current, recommended) => {
    recommendations = recommendations.filter((one) => one.at > at - STABILIZATION_SECONDS);
    recommendations.push({ at, replicas: recommended });
    const stabilized = Math.max(...recommendations.map(({ replicas }) => replicas));
    if (recommended > current) return Math.min(recommended, Math.max(current + UP_PODS, current * UP_FACTOR));
    return Math.min(current, stabilized);
  };
}
