import type { PreparedInputs } from "./request.ts";

/** Something that waits to be run. */
export interface Queued extends PreparedInputs {
  /** 1 is the most urgent. */
  readonly priority: number;
}

/**
 * Requests that wait, by priority and then by arrival. A batch is the most urgent request and what can be joined to
 * it; a request that does not fit is never overtaken by a later one of its shape, so large ones do not starve.
 */
export class RequestQueue<Request extends Queued> {
  #waiting: Request[] = [];
  #rows = 0;

  get size(): number {
    return this.#waiting.length;
  }

  /** Rows of all requests that wait. */
  get rows(): number {
    return this.#rows;
  }

  get first(): Request | undefined {
    return this.#waiting[0];
  }

  add(request: Request): void {
    let index = this.#waiting.length;
    while (index > 0 && (this.#waiting[index - 1]?.priority ?? 0) > request.priority) index--;
    if (index === this.#waiting.length) this.#waiting.push(request);
    else this.#waiting.splice(index, 0, request);
    this.#rows += request.rows;
  }

  /** Takes a request out again; false when it is not waiting any more. */
  remove(request: Request): boolean {
    const index = this.#waiting.indexOf(request);
    if (index < 0) return false;
    this.#waiting.splice(index, 1);
    this.#rows -= request.rows;
    return true;
  }

  /** Takes the next batch of `maxRows` at most; one request only when they cannot be joined. */
  take(maxRows: number, joinable: boolean): Request[] {
    const first = this.#waiting[0];
    if (first === undefined) return [];
    const batch: Request[] = [];
    const left: Request[] = [];
    let rows = 0;
    let full = false;
    for (const request of this.#waiting) {
      const joins = batch.length === 0 || (joinable && !full && request.shapeKey === first.shapeKey);
      if (joins && (batch.length === 0 || rows + request.rows <= maxRows)) {
        batch.push(request);
        rows += request.rows;
      } else {
        if (joins) full = true;
        left.push(request);
      }
    }
    this.#waiting = left;
    this.#rows -= rows;
    return batch;
  }

  takeAll(): Request[] {
    const all = this.#waiting;
    this.#waiting = [];
    this.#rows = 0;
    return all;
  }
}
