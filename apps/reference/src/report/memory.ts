/** Watches the memory of this process: threads and native libraries are in it too. */
export interface MemoryWatch extends Disposable {
  /** The highest resident size since the last call, in bytes. */
  takePeak(): number;
  /** The highest of all, in bytes. */
  readonly peak: number;
}

export function watchMemory(everyMs = 100): MemoryWatch {
  let sinceTaken = 0;
  let peak = 0;
  const sample = (): void => {
    const now = process.memoryUsage.rss();
    sinceTaken = Math.max(sinceTaken, now);
    peak = Math.max(peak, now);
  };
  const timer = setInterval(sample, everyMs);
  timer.unref();
  return {
    takePeak() {
      sample();
      const taken = sinceTaken;
      sinceTaken = 0;
      return taken;
    },
    get peak() {
      sample();
      return peak;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
