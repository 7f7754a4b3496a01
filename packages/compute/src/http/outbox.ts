/** Something with an answer to send. */
export interface Sender {
  send(): void;
}

/**
 * Sends the answers of one batch together, when all of them are written: a client that sleeps is woken by the first, which
 * costs more than all the rest of sending it, and is awake still when the others come.
 */
export class Outbox {
  #senders: Sender[] = [];

  add(sender: Sender): void {
    this.#senders.push(sender);
    if (this.#senders.length === 1) queueMicrotask(this.#flush);
  }

  readonly #flush = (): void => {
    const senders = this.#senders;
    this.#senders = [];
    for (const sender of senders) sender.send();
  };
}
