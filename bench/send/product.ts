import { join } from 'node:path'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { openStore } from '#platform/store/open-store.ts'
import { createWake } from '#platform/threads/wake.ts'
import { defaultSettings } from '../../src/pipeline/in-thread-engine.ts'
import { assembleSender } from '../../src/pipeline/roles/sender-role.ts'
import type { Dkim } from './pool.ts'
import { from, installScene, publicUrl, queueMessages, workspace } from './scene.ts'

/** Noon, so that it is within nobody's quiet hours. */
const startsAt = Date.UTC(2026, 2, 2, 12)

/** The product's sender role over a store of its own, in this thread; rounds queue first and are then sent. */
export async function openProduct(
  folder: string,
  name: string,
  options: { port: number; connections: number; customers: number; dkim: Dkim | null },
) {
  const openedAt = Date.now()
  const clock = { now: () => startsAt + Date.now() - openedAt }
  const store = await openStore({ file: join(folder, `${name}.db`) })
  await installScene(store, options.customers, startsAt)
  const { dkim, port } = options
  const sender = await assembleSender({
    store,
    wake: createWake(),
    clock,
    wallClock: { now: () => Date.now() },
    random: createSeededRandom(1),
    logger: console,
    settings: {
      ...defaultSettings,
      providers: [
        {
          id: 'smtp',
          kind: 'smtp',
          weight: 1,
          settings: { url: `smtp://127.0.0.1:${port}`, ...(dkim === null ? {} : { dkim: [dkim] }) },
        },
      ],
      mailFrom: from,
      publicUrl,
      sendsInFlightMax: options.connections,
    },
  })
  let rounds = 0
  return {
    queue: (count: number) => queueMessages(store, `round ${rounds++}`, count, clock.now()),
    /** From the first claim to the last result. */
    async send(count: number): Promise<void> {
      for (let taken = 0; taken < count; ) {
        const more = await sender.step()
        if (more === 0) throw new Error(`only ${taken} of ${count} messages were due`)
        taken += more
      }
      await sender.drain()
    },
    /** Messages that are not `sent`, with the reason of one. */
    async unsent(): Promise<{ count: number; reason: string }> {
      const rows = await store.read
        .workspace(workspace)
        .selectFrom('messages')
        .select(['messages.state', 'messages.reason'])
        .where('messages.state', '!=', 'sent')
        .execute()
      return { count: rows.length, reason: rows.map(({ state, reason }) => `${state}: ${reason}`)[0] ?? '' }
    },
    async close(): Promise<void> {
      await sender.close()
      await store.close()
    },
  }
}
