import type { MessagePort } from 'node:worker_threads'
import { CLOSE_MESSAGE } from './start-thread.ts'

/**
 * Inside a thread: runs `end` when its owner asks it to end, then stops listening to `owner` (the
 * thread's `parentPort`), after which the thread ends by itself once nothing else holds it.
 */
export function onThreadClose(owner: MessagePort, end: () => void | Promise<void>): void {
  owner.on('message', async (message: unknown) => {
    if (message !== CLOSE_MESSAGE) return
    await end()
    owner.close()
  })
}
