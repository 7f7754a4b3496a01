/**
 * A thread within the process of an instance, which ends the process when its parent is gone: the main thread may be in a
 * run that never ends, where it hears nothing.
 */
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, "SIGKILL");
}, 500);
