import { z } from "zod";

/** A setting that is on or off. */
export const flag = z.union([z.boolean(), z.stringbool()], { error: "it is either true or false" });
