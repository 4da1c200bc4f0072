import { once } from 'node:events'
import { MessageChannel } from 'node:worker_threads'
import { startThread } from '../threads/start-thread.ts'
import type { LogConnection } from './log-client.ts'
import type { LogThreadData, LogThreadNews, LogThreadOrder } from './log-thread.ts'

export interface LogThread {
  /** One for each thread that appends or reads; pass it in `workerData` with its port to transfer. */
  connect(): LogConnection
  /** Saves consumers' offsets and applies retention now; it also happens by itself once a second. */
  maintain(): Promise<void>
  /** Commits and answers what has arrived, then ends the thread. Close the clients first. */
  close(): Promise<void>
}

/**
 * Starts the thread that owns log.db. Rejects with a line for the operator when the file is refused.
 * The caller owns the folder (see `ownFolder`).
 */
export async function startLogThread(data: LogThreadData): Promise<LogThread> {
  const thread = startThread({
    name: 'event log',
    entry: new URL('./log-thread.ts', import.meta.url),
    workerData: data,
  })
  const [news] = (await once(thread.worker, 'message')) as [LogThreadNews]
  if (news.kind !== 'ready') {
    await thread.close()
    throw new Error(news.kind === 'refused' ? news.reason : 'the event log did not start')
  }
  const { partitions, signal } = news
  const maintained: (() => void)[] = []
  thread.worker.on('message', (message: LogThreadNews) => {
    if (message.kind === 'maintained') maintained.shift()?.()
  })
  return {
    connect() {
      const { port1, port2 } = new MessageChannel()
      const order: LogThreadOrder = { kind: 'connect', port: port1 }
      thread.worker.postMessage(order, [port1])
      return { port: port2, file: data.file, partitions, signal }
    },
    maintain() {
      const order: LogThreadOrder = { kind: 'maintain' }
      thread.worker.postMessage(order)
      return new Promise((resolve) => maintained.push(resolve))
    },
    close: thread.close,
  }
}
