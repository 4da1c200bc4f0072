import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type TransferListItem, Worker } from 'node:worker_threads'

/** The message by which `close` asks a thread to end; see `onThreadClose`. */
export const CLOSE_MESSAGE = 'close-thread'

export interface ThreadOptions {
  /** In words, for messages: 'event log'. */
  name: string
  /** `new URL('./x.ts', import.meta.url)`: the compiled package has `x.js` there instead. */
  entry: URL
  workerData?: unknown
  transferList?: TransferListItem[]
}

export interface Thread {
  readonly worker: Worker
  /** Asks the thread to end and resolves when it has. */
  close(): Promise<void>
}

/**
 * Starts a worker thread. Without a call of `close`, an error in it, or its end, is thrown in this
 * thread as uncaught: a process with a missing part must not go on.
 */
export function startThread({ name, entry, workerData, transferList }: ThreadOptions): Thread {
  const worker = new Worker(entryFile(entry), {
    name,
    workerData,
    ...(transferList === undefined ? {} : { transferList }),
  })
  let closing = false
  let failure: unknown
  const ended = new Promise<void>((resolve, reject) => {
    worker.on('error', (error) => {
      failure = error
    })
    worker.on('exit', (code) => {
      if (closing && failure === undefined) return resolve()
      const why = failure instanceof Error ? failure.message : `it ended with code ${code}`
      const error = new Error(`the ${name} thread stopped: ${why}`, { cause: failure })
      if (!closing) throw error
      reject(error)
    })
  })
  return {
    worker,
    close() {
      closing = true
      worker.postMessage(CLOSE_MESSAGE)
      return ended
    },
  }
}

function entryFile(entry: URL): URL {
  if (!entry.pathname.endsWith('.ts') || existsSync(fileURLToPath(entry))) return entry
  return new URL(entry.href.replace(/\.ts$/, '.js'))
}
