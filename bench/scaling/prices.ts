/** A list price in US dollars, as a stored copy of the named address had it. */
export interface Price {
  readonly what: string;
  readonly usd: number;
  readonly per: string;
  readonly source: string;
  /** When the address says that it was read, or what else is to be known of it. */
  readonly note: string;
  /** False: no stored copy shows the figure for this region. */
  readonly verified: boolean;
}

export const PRICE_LIST =
  "AWS list prices, on demand, US East (N. Virginia), without free tiers and discounts; looked up on 2026-11-27";

/** Looked up in stored copies of these addresses: AWS fills its own price tables in by script, so that only worked examples show figures. */
export const PRICES = {
  coreHour: {
    what: "a core of EC2 m7g.large (2 cores, 8 GiB)",
    usd: 0.0816 / 2,
    per: "hour",
    source: "https://www.factualminds.com/blog/amazon-ec2-on-demand-pricing-instance-families-2026/",
    note: "said there of June 2026; not AWS's own page",
    verified: true,
  },
  diskGigabyteMonth: {
    what: "EBS gp3",
    usd: 0.08,
    per: "GB and month",
    source: "https://gitlab.com/gitlab-org/ci-cd/docker-machine/-/merge_requests/45",
    note: "said there without a region; not AWS's own page",
    verified: false,
  },
  crossZoneGigabyte: {
    what: "traffic between zones, both ends",
    usd: 0.02,
    per: "GB",
    source: "https://www.lucaraveri.com/blog/253aba6f-88fe-8077-93e3-e899365ec13a",
    note: "said there as $0.01 at each end; not AWS's own page",
    verified: false,
  },
  iotMinutes: {
    what: "IoT Core connectivity",
    usd: 0.08,
    per: "million minutes",
    source: "https://aws.amazon.com/iot-core/pricing/",
    note: "its example for Europe (Ireland), read 2026-09-20 by a third party; the same in AWS's US East example for IoT Greengrass",
    verified: true,
  },
  iotMessages: {
    what: "IoT Core messaging, first billion of a month",
    usd: 1,
    per: "million messages of up to 5 KB",
    source: "https://aws.amazon.com/iot-core/pricing/",
    note: "as above; cheaper tiers beyond a billion were not found for this region, so that the first is taken for all",
    verified: true,
  },
  iotRules: {
    what: "IoT Core rules engine: a rule and its action",
    usd: 0.3,
    per: "million messages",
    source: "https://aws.amazon.com/iot-core/pricing/",
    note: "0.15 for each as generally known; no copy of the page shows the figure",
    verified: false,
  },
  kinesisShardHour: {
    what: "Kinesis Data Streams, provisioned",
    usd: 0.015,
    per: "shard and hour",
    source: "https://costcalculator.calculator.city/aws-kinesis-cost-calculator",
    note: "said there of us-east-1; not AWS's own page",
    verified: true,
  },
  kinesisPut: {
    what: "Kinesis Data Streams, PUT payload units",
    usd: 0.014,
    per: "million units of up to 25 KB",
    source: "https://costcalculator.calculator.city/aws-kinesis-cost-calculator",
    note: "said there of us-east-1; not AWS's own page",
    verified: true,
  },
  lambdaRequests: {
    what: "Lambda requests",
    usd: 0.2,
    per: "million",
    source: "https://aws.amazon.com/lambda/pricing/",
    note: "its examples for US East (N. Virginia)",
    verified: true,
  },
  lambdaGigabyteSecond: {
    what: "Lambda duration",
    usd: 0.0000166667,
    per: "GB-second",
    source: "https://aws.amazon.com/lambda/pricing/",
    note: "its examples for US East (N. Virginia), rounded to 0.00001667 there; cheaper tiers at the largest sizes are left out",
    verified: true,
  },
} as const satisfies Readonly<Record<string, Price>>;
