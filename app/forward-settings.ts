import { z } from "zod";
import { MillraceError } from "../core/errors.ts";

/** Settings of who forwards telemetry to another installation: a part of those in config.ts. */
export const forwardSettings = {
  forwardUrl: z
    .url({
      protocol: /^(mqtts?|wss?)$/,
      error: "it is a URL of the form mqtts://host:8883, or wss://host:8081/mqtt",
    })
    .optional()
    .describe("Forward all telemetry to the Millrace installation at this address; see edge.md."),
  forwardToken: z
    .string()
    .min(1)
    .optional()
    .describe("Token of the gateway as which this installation is known there."),
  forwardTokenFile: z.string().optional().describe("File with that token instead; read again for every connection."),
  forwardWhenFull: z
    .enum(["hold", "drop-oldest"], { error: "it is hold or drop-oldest" })
    .default("hold")
    .describe(
      "What is to become of telemetry that is not forwarded yet when the log is full. hold: it stays, and devices get no acknowledgement for more. drop-oldest: the log goes on, and what it forgets unforwarded is counted and said.",
    ),
};

/** Just what `checkForward` looks at. */
interface ForwardTarget {
  readonly forwardUrl?: string | undefined;
  readonly forwardToken?: string | undefined;
  readonly forwardTokenFile?: string | undefined;
}

/** CONFIG_INVALID when address and token do not belong together. */
export function checkForward({ forwardUrl, forwardToken, forwardTokenFile }: ForwardTarget): void {
  if (forwardUrl !== undefined && /^\w+:\/\/[^/]*@/.test(forwardUrl)) {
    throw new MillraceError(
      "CONFIG_INVALID",
      "the address of the installation upstream has a user or a password in it",
      {
        remedy:
          "Take it out of MILLRACE_FORWARD_URL: the token is MILLRACE_FORWARD_TOKEN or MILLRACE_FORWARD_TOKEN_FILE.",
      },
    );
  }
  const tokens = [forwardToken, forwardTokenFile].filter((given) => given !== undefined).length;
  if (tokens === (forwardUrl === undefined ? 0 : 1)) return;
  const text =
    forwardUrl === undefined
      ? "there is a token for an installation upstream, and nothing says where that is"
      : tokens === 0
        ? "telemetry cannot be forwarded without a token of the installation upstream"
        : "there are two tokens for the installation upstream";
  throw new MillraceError("CONFIG_INVALID", text, {
    remedy: "Set MILLRACE_FORWARD_URL, and one of MILLRACE_FORWARD_TOKEN and MILLRACE_FORWARD_TOKEN_FILE.",
  });
}
