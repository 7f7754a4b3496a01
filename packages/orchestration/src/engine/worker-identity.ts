import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";

/** A process that carries out runs, known by more than its pid, which is used again after its death. */
export interface WorkerIdentity {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  /** Start time of the process, so that a later process with the same pid is not taken for it. */
  readonly processStart: string;
}

export function thisWorker(): WorkerIdentity {
  return { id: randomUUID(), host: host(), pid: process.pid, processStart: processStart(process.pid) ?? "" };
}

/** Whether a worker of this host is alive; undefined when it cannot be known from here. */
export function isAlive(worker: WorkerIdentity): boolean | undefined {
  if (worker.host !== host()) return undefined;
  try {
    process.kill(worker.pid, 0);
  } catch (error) {
    // EPERM: there is such a process, of another user.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  const start = processStart(worker.pid);
  return start === undefined || worker.processStart === "" || start === worker.processStart;
}

/** Host name and boot: after a reboot no earlier process lives. */
function host(): string {
  try {
    return `${hostname()} ${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()}`;
  } catch {
    return hostname();
  }
}

/** Field 22 of /proc/PID/stat, see proc(5); undefined where there is no such file. */
function processStart(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // A zombie is dead, though its entry remains until its parent has asked for its end.
    return fields[0] === "Z" ? "zombie" : fields[19];
  } catch {
    return undefined;
  }
}
