import { workerData } from "node:worker_threads";

/**
 * A thread within the process of an instance, which ends the process when its parent is gone: the main thread may be in a
 * run that never ends, where it hears nothing. The id of the parent is told, since it may be gone before this begins.
 */
const parent = workerData as number;
const look = (): void => {
  if (process.ppid !== parent) process.kill(process.pid, "SIGKILL");
};
look();
setInterval(look, 500);
