import type { Clock } from "@ashlar/core";

import { computeError } from "../errors.ts";
import type { QueueLevel } from "./model-settings.ts";
import { type InternalRequestOptions, PendingRequest, type Receiver } from "./pending-request.ts";
import { RequestQueue } from "./queue.ts";
import type { PreparedInputs } from "./request.ts";
import type { ResolvedSettings } from "./settings.ts";
import type { StatisticsRecorder } from "./statistics.ts";

export interface AdmissionInit {
  readonly model: string;
  readonly policy: ResolvedSettings["queue"];
  readonly clock: Clock;
  readonly statistics: StatisticsRecorder;
  /** A request has left the queue without being run. */
  readonly onLeft: () => void;
}

/** Lets requests into the queue of a model, or not, and takes them out again when their time is over or nobody wants them. */
export class Admission {
  readonly queue: RequestQueue<PendingRequest> = new RequestQueue();
  readonly #init: AdmissionInit;
  /** By priority. */
  readonly #levels: readonly QueueLevel[];
  /** Requests of this turn whose caller is asked for its signal when they have to wait. */
  #unfollowed: PendingRequest[] = [];

  constructor(init: AdmissionInit) {
    const { policy } = init;
    this.#init = init;
    this.#levels = Array.from({ length: 10 }, (_, priority) => ({ ...policy, ...policy.priorities?.[priority] }));
  }

  /** Queues a checked request that was accepted at `now`. @throws INFERENCE_QUEUE_FULL */
  admit(inputs: PreparedInputs, options: InternalRequestOptions, now: number, receiver: Receiver): void {
    const priority = options.priority ?? this.#init.policy.defaultPriority ?? 5;
    this.#requireRoom(priority);
    const request = new PendingRequest(inputs, priority, now, receiver, this.#onSettled);
    this.queue.add(request);
    this.#arm(request, options);
  }

  /** To be called when what could be run at once has been taken. */
  followThoseThatWait(): void {
    if (this.#unfollowed.length === 0) return;
    for (const request of this.#unfollowed) {
      if (request.taken || request.settled) continue;
      const signal = request.caller?.signal;
      if (signal !== undefined) request.follow(signal);
    }
    this.#unfollowed = [];
  }

  #requireRoom(priority: number): void {
    const { model, policy, statistics } = this.#init;
    const levelLimit = policy.priorities?.[priority]?.limit ?? Number.POSITIVE_INFINITY;
    if (this.queue.size < policy.limit && this.queue.sizeOf(priority) < levelLimit) return;
    statistics.refused();
    throw computeError("INFERENCE_QUEUE_FULL", { model, queueLimit: Math.min(policy.limit, levelLimit) });
  }

  /** Starts the deadline and the timeout of the queue, and listens to the signal. */
  #arm(request: PendingRequest, { deadlineMs, signal, caller }: InternalRequestOptions): void {
    const { clock, model } = this.#init;
    if (signal !== undefined) request.follow(signal);
    else if (caller !== undefined) {
      request.caller = caller;
      this.#unfollowed.push(request);
    }
    if (deadlineMs === 0) request.expire(model, 0);
    if (request.settled) return;
    if (deadlineMs !== undefined) {
      clock.sleep(deadlineMs, { signal: request.timers }).then(
        () => request.expire(model, deadlineMs),
        () => {},
      );
    }
    const { timeoutMs, timeoutAction } = this.#levels[request.priority] ?? {};
    if (timeoutMs === undefined) return;
    const onTimeout = (): void => {
      if (!this.queue.remove(request)) return;
      if (timeoutAction === "delay") {
        request.overdue = true;
        this.queue.add(request);
      } else {
        request.expire(model, timeoutMs);
        this.#init.onLeft();
      }
    };
    clock.sleep(timeoutMs, { signal: request.timers }).then(onTimeout, () => {});
  }

  readonly #onSettled = (request: PendingRequest, failed: boolean): void => {
    if (!failed) return;
    this.#init.statistics.failed();
    if (this.queue.remove(request)) this.#init.onLeft();
  };
}
