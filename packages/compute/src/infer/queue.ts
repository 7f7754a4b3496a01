/** Something that waits to be run. */
export interface Queued {
  readonly rows: number;
  /** Requests with equal keys can be joined. */
  readonly shapeKey: string;
  /** 1 is the most urgent. */
  readonly priority: number;
  /** Goes after everything that is not. */
  readonly overdue: boolean;
}

/**
 * Requests that wait, by priority and then by arrival. A batch is the most urgent request and what can be joined to
 * it; a request that does not fit is never overtaken by a later one of its shape, so large ones do not starve.
 */
export class RequestQueue<Request extends Queued> {
  #waiting: Request[] = [];
  #rows = 0;
  readonly #byPriority = new Float64Array(10);

  get size(): number {
    return this.#waiting.length;
  }

  /** Of all requests that wait. */
  get rows(): number {
    return this.#rows;
  }

  get first(): Request | undefined {
    return this.#waiting[0];
  }

  /** Requests of one priority that wait. */
  sizeOf(priority: number): number {
    return this.#byPriority[priority] ?? 0;
  }

  add(request: Request): void {
    let index = this.#waiting.length;
    while (index > 0 && goesBefore(request, this.#waiting[index - 1] as Request)) index--;
    if (index === this.#waiting.length) this.#waiting.push(request);
    else this.#waiting.splice(index, 0, request);
    this.#count(request, 1);
  }

  /** Takes a request out again; false when it is not waiting any more. */
  remove(request: Request): boolean {
    const index = this.#waiting.indexOf(request);
    if (index < 0) return false;
    this.#waiting.splice(index, 1);
    this.#count(request, -1);
    return true;
  }

  /** What can be joined to the most urgent request, itself first: those that make up `maxRows`, and one more. */
  joinable(maxRows: number, joins: boolean): Request[] {
    const first = this.#waiting[0];
    if (first === undefined) return [];
    if (!joins || this.#waiting.length === 1) return [first];
    const found: Request[] = [];
    let rows = 0;
    for (const request of this.#waiting) {
      if (request.shapeKey !== first.shapeKey) continue;
      found.push(request);
      rows += request.rows;
      if (rows > maxRows) break;
    }
    return found;
  }

  /** Takes requests that `joinable` gave out of the queue. */
  take(requests: readonly Request[]): void {
    const prefix = this.#startsWith(requests);
    if (prefix && requests.length === this.#waiting.length) this.#waiting = [];
    else if (prefix) this.#waiting.splice(0, requests.length);
    else {
      const taken = new Set(requests);
      this.#waiting = this.#waiting.filter((request) => !taken.has(request));
    }
    for (const request of requests) this.#count(request, -1);
  }

  #startsWith(requests: readonly Request[]): boolean {
    for (let index = 0; index < requests.length; index++) {
      if (this.#waiting[index] !== requests[index]) return false;
    }
    return true;
  }

  takeAll(): Request[] {
    const all = this.#waiting;
    this.#waiting = [];
    this.#byPriority.fill(0);
    this.#rows = 0;
    return all;
  }

  #count({ priority, rows }: Request, by: 1 | -1): void {
    this.#rows += by * rows;
    this.#byPriority[priority] = (this.#byPriority[priority] ?? 0) + by;
  }
}

function goesBefore(request: Queued, other: Queued): boolean {
  if (request.overdue !== other.overdue) return other.overdue;
  return request.priority < other.priority;
}
