import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'

export interface Received {
  to: string
  from: string
  raw: Buffer
}

/** A real SMTP server on loopback that keeps what it takes. */
export async function startSmtpServer(options: SMTPServerOptions = {}) {
  const received: Received[] = []
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS', 'AUTH'],
    logger: false,
    onData(stream, session, callback) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope
        const from = mailFrom === false ? '' : mailFrom.address
        received.push({ from, to: rcptTo.map((rcpt) => rcpt.address).join(), raw: Buffer.concat(chunks) })
        callback()
      })
    },
    ...options,
  })
  const connections = new Set<Socket>()
  server.server.on('connection', (socket: Socket) => {
    connections.add(socket)
    socket.on('close', () => connections.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server.server, 'listening')
  const { port } = server.server.address() as AddressInfo
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()))
  return { received, settings: settingsFor(port), close, connections: () => connections }
}

/** What a scripted server says at each step; 'drop' ends the connection, 'silence' never answers. */
export interface Script {
  greeting?: string
  ehlo?: string
  mail?: string
  rcpt?: string
  data?: string
  /** After the final dot. */
  end?: string
  /** Drops the connection at the next MAIL after so many. */
  mailsMax?: number
}

/** A server that behaves as real ones do on bad days. */
export async function startScriptedServer(script: Script) {
  const sockets = new Set<Socket>()
  const commands: string[] = []
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    const say = (answer: string) => {
      if (answer === 'drop') socket.destroy()
      else if (answer !== 'silence') socket.write(`${answer}\r\n`)
    }
    let inText = false
    let mails = 0
    let pending = ''
    say(script.greeting ?? '220 test ESMTP')
    socket.on('data', (chunk) => {
      pending += chunk.toString()
      if (inText) {
        if (!/\r\n\.\r\n$/.test(pending)) return
        inText = false
        pending = ''
        commands.push('.')
        return say(script.end ?? '250 2.0.0 OK: queued as Q1')
      }
      const lines = pending.split('\r\n')
      pending = lines.pop()!
      for (const line of lines) {
        const verb = line.slice(0, 4).toUpperCase()
        commands.push(verb)
        if (verb === 'EHLO' || verb === 'HELO') say(script.ehlo ?? '250 test')
        else if (verb === 'MAIL')
          say(++mails > (script.mailsMax ?? 1000) ? 'drop' : (script.mail ?? '250 ok'))
        else if (verb === 'RCPT') say(script.rcpt ?? '250 ok')
        else if (verb === 'DATA') {
          const answer = script.data ?? '354 go on'
          inText = answer.startsWith('3')
          say(answer)
        } else say('250 ok')
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
  return { commands, settings: settingsFor((server.address() as AddressInfo).port), close, sockets }
}

/** As an operator writes them. */
function settingsFor(port: number) {
  return { url: `smtp://127.0.0.1:${port}`, connectTimeoutMs: 1000, answerTimeoutMs: 1000 }
}
