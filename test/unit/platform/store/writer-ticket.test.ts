import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { openStore } from '#platform/store/open-store.ts'
import { createWriterTicket } from '#platform/store/writer-ticket.ts'
import type { CountingThreadData } from '../../../support/counting-thread.ts'
import type { TicketThreadData } from '../../../support/ticket-thread.ts'

describe('writer ticket', () => {
  it('serves callers of one thread in the order they came', async () => {
    const ticket = createWriterTicket()
    const served: number[] = []
    await ticket.acquire()
    const all = [1, 2, 3, 4].map(async (who) => {
      await ticket.acquire()
      served.push(who)
      ticket.release()
    })
    expect(ticket.waiting()).toBe(4)
    expect(served).toEqual([])
    ticket.release()
    await Promise.all(all)
    expect(served).toEqual([1, 2, 3, 4])
    expect(ticket.waiting()).toBe(0)
  })

  it('goes on when its counters wrap around', async () => {
    const shared = new SharedArrayBuffer(8)
    new Int32Array(shared).fill(2 ** 31 - 2)
    const ticket = createWriterTicket(shared)
    const served: number[] = []
    await ticket.acquire()
    const all = [1, 2, 3, 4].map(async (who) => {
      await ticket.acquire()
      served.push(who)
      ticket.release()
    })
    expect(ticket.waiting()).toBe(4)
    ticket.release()
    await Promise.all(all)
    expect(served).toEqual([1, 2, 3, 4])
  })

  it('serves threads in the order they drew, not in that of their waking', async () => {
    const ticket = createWriterTicket()
    const order = new SharedArrayBuffer(4 * 64)
    const data: TicketThreadData = { ticket: ticket.shared, order }
    const threads = [0, 1].map(
      () => new Worker(new URL('../../../support/ticket-thread.ts', import.meta.url), { workerData: data }),
    )
    const draws = [0, 1, 1, 0, 1, 0, 0, 0, 1, 1]
    for (let round = 0; round < 5; round++) {
      new Int32Array(order).fill(0)
      await ticket.acquire()
      for (const [position, thread] of draws.entries()) {
        const drawn = once(threads[thread]!, 'message')
        threads[thread]!.postMessage(position)
        await drawn
      }
      expect(ticket.waiting()).toBe(draws.length)
      const served = servedTimes(threads, draws.length)
      ticket.release()
      await served
      expect([...new Int32Array(order)].slice(1, 1 + draws.length)).toEqual(
        draws.map((_, position) => position),
      )
    }
    for (const thread of threads) thread.postMessage('end')
    await Promise.all(threads.map((thread) => once(thread, 'exit')))
  })

  it('lets two threads and this one write to one file without a lost update', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'starling-ticket-'))
    const file = join(folder, 'store.db')
    const ticket = createWriterTicket()
    const store = await openStore({ file, ticket })
    await store.transaction((tx) => tx.systemBulk('system_settings', [{ name: 'count', value: '0' }], 'fail'))
    const workerData: CountingThreadData = { file, ticket: ticket.shared, times: 150 }
    const threads = [0, 1].map(
      () => new Worker(new URL('../../../support/counting-thread.ts', import.meta.url), { workerData }),
    )
    const codes = await Promise.all(threads.map((thread) => once(thread, 'exit')))
    expect(codes).toEqual([[0], [0]])
    const row = await store.read.system.selectFrom('system_settings').select('value').executeTakeFirst()
    expect(row?.value).toBe('300')
    await store.close()
    await rm(folder, { recursive: true })
  })
})

/** Resolves when the threads have reported that many tickets served. */
function servedTimes(threads: Worker[], count: number): Promise<void> {
  return new Promise((resolve) => {
    let served = 0
    const heard = (message: unknown) => {
      if (message !== 'served') return
      served += 1
      if (served < count) return
      for (const thread of threads) thread.off('message', heard)
      resolve()
    }
    for (const thread of threads) thread.on('message', heard)
  })
}
