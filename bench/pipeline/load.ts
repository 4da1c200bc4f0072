import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { requestsOf, type Traffic } from './traffic.ts'

/**
 * A load generator of its own process: makes all requests first, tells so, and at the next word sends them
 * over keep-alive connections, each the next request as soon as the last is answered. It reads no more of an
 * answer than it must, so that the cores are the server's.
 */
export interface LoadOrder extends Traffic {
  port: number
  connections: number
}

process.on('message', (order: LoadOrder | 'go') => {
  if (order !== 'go') void prepare(order)
})

async function prepare(order: LoadOrder): Promise<void> {
  const requests = requestsOf(order)
  const sockets = await Promise.all(Array.from({ length: order.connections }, () => open(order.port)))
  process.send!('ready')
  await once(process, 'message')
  let next = 0
  await Promise.all(
    sockets.map(async (socket) => {
      for (let request = requests[next++]; request !== undefined; request = requests[next++])
        await ask(socket, request)
      socket.destroy()
    }),
  )
  process.send!('sent')
}

async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  socket.setEncoding('latin1')
  await once(socket, 'connect')
  return socket
}

/** Resolves when the answer is in; anything but a plain success ends the run. */
function ask(socket: Socket, request: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const onData = (text: string): void => {
      answer += text
      const headEnd = answer.indexOf('\r\n\r\n')
      if (headEnd === -1) return
      const length = Number(/content-length: (\d+)/i.exec(answer)?.[1])
      if (answer.length < headEnd + 4 + length) return
      socket.off('data', onData).off('error', reject)
      if (answer.startsWith('HTTP/1.1 200') && answer.endsWith('"rejected":[]}')) resolve()
      else reject(new Error(`the server answered: ${answer}`))
    }
    socket.on('data', onData).on('error', reject)
    socket.write(request)
  })
}
