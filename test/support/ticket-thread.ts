import { parentPort, workerData } from 'node:worker_threads'
import { createWriterTicket } from '#platform/store/writer-ticket.ts'

/** Draws a ticket whenever it is told to, and writes its number into the shared order when it is served. */
export interface TicketThreadData {
  ticket: SharedArrayBuffer
  /** [0] how many were served; then who, in order. */
  order: SharedArrayBuffer
}

const { ticket: shared, order } = workerData as TicketThreadData
const ticket = createWriterTicket(shared)
const served = new Int32Array(order)

parentPort!.on('message', (who: number | 'end') => {
  if (who === 'end') return parentPort!.close()
  void ticket.acquire().then(() => {
    served[Atomics.add(served, 0, 1) + 1] = who
    parentPort!.postMessage('served')
    ticket.release()
  })
  parentPort!.postMessage('drawn')
})
