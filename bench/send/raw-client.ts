import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** What this client sends each time: made beforehand, so that the sink is all that is measured. */
const message = Buffer.from(`Subject: raw\r\n\r\n${'0123456789abcdef '.repeat(4).concat('\r\n').repeat(80)}.\r\n`)

/** Sends so many mails over so many connections and awaits the answer to each command. */
export async function sendRaw(port: number, mails: number, connections: number): Promise<void> {
  let left = mails
  const lane = async (): Promise<void> => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    const answer = answersOf(socket)
    await answer()
    await command(socket, answer, 'EHLO bench\r\n')
    while (left-- > 0) {
      await command(socket, answer, 'MAIL FROM:<hello@acme.example>\r\n')
      await command(socket, answer, 'RCPT TO:<ann@example.com>\r\n')
      await command(socket, answer, 'DATA\r\n')
      await command(socket, answer, message)
    }
    socket.end('QUIT\r\n')
    await once(socket, 'close')
  }
  await Promise.all(Array.from({ length: connections }, lane))
}

async function command(socket: Socket, answer: () => Promise<void>, text: string | Buffer): Promise<void> {
  const answered = answer()
  socket.write(text)
  await answered
}

/** Each answer of the sink comes in one piece. */
function answersOf(socket: Socket): () => Promise<void> {
  let resolveNext: () => void = () => {}
  socket.on('data', () => resolveNext())
  return () =>
    new Promise((resolve, reject) => {
      resolveNext = resolve
      socket.once('error', reject)
    }).finally(() => socket.removeAllListeners('error')) as Promise<void>
}
