import { endThread } from "../../app/threads/end-thread.ts";

/** Goes on beating, as a thread of functions does, while its stage has ended. */
setInterval(() => undefined, 10);
endThread(new TypeError("the stage has a defect"));
