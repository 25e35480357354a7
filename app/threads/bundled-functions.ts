// The entry of the bundle: the thread of functions.ts, whose stacks name its sources.
import "../thread-bundle/source-frames.ts";
import "./functions.ts";
