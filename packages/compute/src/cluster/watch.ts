import type { MemberProcess } from "./member-process.ts";

/** At most so many milliseconds lie between two questions. */
const periodMs = 5000;

/**
 * Asks a process for its figures again and again, until it is gone or leaves the questions of so many milliseconds
 * unanswered: then it is ended. Questions are counted, not time: a machine that slept has asked none.
 */
export function watch(member: MemberProcess, unresponsiveMs: number, nextId: () => number): void {
  const period = Math.min(periodMs, unresponsiveMs / 4);
  const most = Math.ceil(unresponsiveMs / period);
  let unanswered = 0;
  const timer = setInterval(() => {
    if (unanswered >= most) member.kill();
    unanswered++;
    void member.count(nextId()).then(() => (unanswered = 0));
  }, period);
  timer.unref();
  void member.exited.then(() => clearInterval(timer));
}
