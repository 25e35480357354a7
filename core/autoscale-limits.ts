const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** What the autoscaler goes by: a part of `LIMITS`. docs/adr/0021 has the figures behind them. */
export const AUTOSCALE_LIMITS = {
  // autoscaler
  /** Between two decisions, as long as nothing wakes the loop. */
  autoscaleIntervalMs: SECOND,
  /** Rates are taken over so long: shorter, and devices that send on the full second look like bursts. */
  autoscaleWindowMs: 15 * SECOND,
  autoscaleSamplesMax: 32,
  /** Counters older than this say nothing of now: the decision is to leave everything as it is. */
  autoscaleSampleAgeMsMax: 15 * SECOND,
  /** What is left of a replica is for catching up and for what is dealt unevenly. Flink's utilization.target is 0.7, without looking at the latter. */
  autoscaleTargetUtilization: 0.85,
  /** Load above this adds replicas, load below the target may take some away; what lies between changes nothing. */
  autoscaleUtilizationMax: 0.95,
  /** A replica whose partitions are this far behind is late, whatever its rates say. Half of what the dashboard may wait. */
  autoscaleLagMsMax: 2500,
  /** In what time lag is to be gone. Flink's is 30 min, because a job of Flink's stops to change; here only partitions that move do. */
  autoscaleCatchUpMs: 15 * SECOND,
  /** More of a replica than this is not kept for one partition: no number of replicas takes from it what is too much for one. */
  autoscalePartitionShareMax: 0.4,
  /** Until a replica works, where none has been seen to start yet. */
  autoscaleRestartMsDefault: 5 * SECOND,
  /** After the last replica works: rates of less are those of a restart. */
  autoscaleSettleMs: 5 * SECOND,
  /** A start that takes longer holds nothing up any more. */
  autoscaleStartMsMax: 5 * MINUTE,
  /** Adding is quick, since lag grows meanwhile; taking away waits, since what comes back at once costs two restarts. */
  autoscaleUpCooldownMs: 10 * SECOND,
  autoscaleDownCooldownMs: MINUTE,
  /** What the arrivals of so long needed stays: HPA's stabilisation is 5 min, but of all that was recommended, lag included. */
  autoscaleDownWindowMs: 3 * MINUTE,
  /** Nothing has come and nothing is due for so long: to zero. */
  autoscaleIdleMs: 2 * MINUTE,
  /** Nothing was processed for so long though there is lag: what comes behind the stage stands still. */
  autoscaleStallMs: 5 * SECOND,
  /** Flink's scaling.effectiveness.threshold: of the throughput that an addition was to bring. */
  autoscaleEffectShareMin: 0.1,
  /** No more is added for so long after an addition that brought nothing; twice as long after the next one. */
  autoscaleBlockMs: 5 * MINUTE,
  autoscaleBlockMsMax: HOUR,
  /** How fast what is known of the rate of a replica gives way to what is newly measured. */
  autoscaleRateMemoryMs: 30 * SECOND,

  // scaler of pods
  /** Kinds of questions (stage, bounds, dry run) that are watched at once; each is looked at once a second. */
  scalerTargetsMax: 32,
  /** Clients that are told of changes at once. */
  scalerStreamsMax: 64,
  /** Of a request: a name, and a trigger's metadata. */
  scalerRequestBytesMax: 64 * 1024,
  /** What nobody has asked for in so long is not watched any more: KEDA and an HPA ask every half a minute. */
  scalerForgetMs: 15 * MINUTE,
  /** How long a first question waits for the first look. KEDA gives up after 3 s. */
  scalerFirstAnswerMs: 2 * SECOND,
  /** Between two wakings of a stage at zero whose input is worked all the same, by pods that another stage has. */
  scalerWakeIntervalMs: 200,
} as const;
