import type { Message } from "./wire.ts";

/** The part of a streaming call of `@grpc/grpc-js` that is used. */
export interface StreamCall {
  on(event: "data", listener: (message: Message) => void): unknown;
  on(event: "end" | "cancelled" | "error" | "drain", listener: () => void): unknown;
  pause(): unknown;
  resume(): unknown;
  /** `false` when it can take no more before `drain`. */
  write(message: Message): boolean;
  end(): unknown;
}

/** Requests of one stream that may be under way; the client is not read from while there are more. */
const maxUnderWay = 64;

/**
 * Answers each request of a stream as soon as its answer is there. An error is the answer of its request and does not
 * end the stream. A client that does not read its answers is not read from either, and one that goes away takes its
 * waiting requests back.
 */
export function serveStream(
  call: StreamCall,
  infer: (request: Message, signal: AbortSignal) => Promise<Message>,
): void {
  const gone = new AbortController();
  let underWay = 0;
  let ended = false;
  let full = false;
  const goOn = (): void => {
    if (underWay < maxUnderWay && !full) call.resume();
  };
  const finish = (message: Message): void => {
    if (!gone.signal.aborted && !call.write(message)) {
      full = true;
      call.pause();
    }
    underWay--;
    goOn();
    if (ended && underWay === 0) call.end();
  };
  call.on("data", (request) => {
    underWay++;
    if (underWay >= maxUnderWay) call.pause();
    infer(request, gone.signal).then(
      (response) => finish({ infer_response: response }),
      (error: unknown) => {
        const text = error instanceof Error ? error.message : "The server failed to answer this request.";
        finish({ error_message: text, infer_response: { id: request["id"], outputs: [], raw_output_contents: [] } });
      },
    );
  });
  call.on("end", () => {
    ended = true;
    if (underWay === 0) call.end();
  });
  call.on("drain", () => {
    full = false;
    goOn();
  });
  call.on("cancelled", () => gone.abort());
  call.on("error", () => gone.abort());
}
