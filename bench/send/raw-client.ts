import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** What this client sends each time: made beforehand, so that the sink is all that is measured. */
const message = Buffer.from(
  `Subject: raw\r\n\r\n${'0123456789abcdef '.repeat(4).concat('\r\n').repeat(100)}.\r\n`,
)

/** Sends so many mails over so many connections and only awaits the answer to each command. */
export async function sendRaw(port: number, mails: number, connections: number): Promise<void> {
  let left = mails
  const lane = async (): Promise<void> => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    await once(socket, 'data')
    const ask = asker(socket)
    await ask('EHLO bench\r\n')
    while (left-- > 0) {
      await ask('MAIL FROM:<hello@acme.example>\r\n')
      await ask('RCPT TO:<ann@example.com>\r\n')
      await ask('DATA\r\n')
      await ask(message)
    }
    socket.end('QUIT\r\n')
    await once(socket, 'close')
  }
  await Promise.all(Array.from({ length: connections }, lane))
}

/** Each answer of the sink comes in one piece. */
function asker(socket: Socket): (command: string | Buffer) => Promise<void> {
  let settle: { resolve(): void; reject(error: unknown): void } | null = null
  socket.on('data', () => settle?.resolve())
  socket.on('error', (error) => settle?.reject(error))
  return (command) =>
    new Promise((resolve, reject) => {
      settle = { resolve, reject }
      socket.write(command)
    })
}
