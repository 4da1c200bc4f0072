/**
 * How the log's writer tells readers in other threads that there is more, without messages or polling:
 * shared memory with a counter to wait on and each partition's end.
 */
export interface LogSignal {
  readonly shared: SharedArrayBuffer
  /** Publishes the ends after a commit and wakes everyone who waits. Writer only. */
  publish(nextOffsets: readonly number[]): void
  /** Offset after the last durable record of `partition`. */
  end(partition: number): number
  /** Read it before looking for records, then wait on it. */
  version(): number
  /** Resolves when the version is no longer `seen`, at the latest after `waitMs`; also early, on `wake`. */
  changed(seen: number, waitMs: number): Promise<void>
  /** Lets every waiter look again: for closing. */
  wake(): void
}

export function createLogSignal(
  partitions: number,
  shared = new SharedArrayBuffer(8 + 8 * partitions),
): LogSignal {
  const counter = new Int32Array(shared, 0, 1)
  const ends = new BigInt64Array(shared, 8, partitions)
  return {
    shared,
    publish(nextOffsets) {
      for (let i = 0; i < partitions; i++) Atomics.store(ends, i, BigInt(nextOffsets[i] ?? 0))
      Atomics.add(counter, 0, 1)
      Atomics.notify(counter, 0)
    },
    end: (partition) => Number(Atomics.load(ends, partition)),
    version: () => Atomics.load(counter, 0),
    async changed(seen, waitMs) {
      const waiting = Atomics.waitAsync(counter, 0, seen, waitMs)
      if (!waiting.async) return
      // A pending waitAsync does not keep the event loop alive; a timer does.
      const alive = setTimeout(() => {}, waitMs)
      await waiting.value
      clearTimeout(alive)
    },
    wake() {
      Atomics.notify(counter, 0)
    },
  }
}

export function endsOf(signal: LogSignal, partitions: number): Map<number, number> {
  return new Map(Array.from({ length: partitions }, (_, partition) => [partition, signal.end(partition)]))
}
