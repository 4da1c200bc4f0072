const topics = ['messages', 'inbox'] as const
export type WakeTopic = (typeof topics)[number]

/** How one role tells another, in another thread, that there is work: shared counters to wait on. */
export interface Wake {
  readonly shared: SharedArrayBuffer
  notify(topic: WakeTopic): void
  /** Read it before looking for work, then wait on it. */
  version(topic: WakeTopic): number
  /** Resolves when the topic's version is no longer `seen`, at the latest after `waitMs`. */
  changed(topic: WakeTopic, seen: number, waitMs: number): Promise<void>
}

export function createWake(shared = new SharedArrayBuffer(topics.length * 4)): Wake {
  const counters = new Int32Array(shared)
  const slot = (topic: WakeTopic): number => topics.indexOf(topic)
  return {
    shared,
    notify(topic) {
      Atomics.add(counters, slot(topic), 1)
      Atomics.notify(counters, slot(topic))
    },
    version: (topic) => Atomics.load(counters, slot(topic)),
    async changed(topic, seen, waitMs) {
      const wait = Atomics.waitAsync(counters, slot(topic), seen, waitMs)
      if (!wait.async) return
      // A pending waitAsync does not keep the event loop alive; a timer does.
      const alive = setTimeout(() => {}, waitMs)
      await wait.value
      clearTimeout(alive)
    },
  }
}
