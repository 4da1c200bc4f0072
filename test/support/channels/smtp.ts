import type { SMTPServerOptions } from 'smtp-server'
import { startSmtpServer } from '../../unit/action/smtp-servers.ts'
import type { ChannelCase, StartHarness } from './harness.ts'
import { mailFaults } from './mail-check.ts'

/** A reply in the place of the next answer; `drop`: the connection ends when the text has been taken. */
type Next = { at: 'rcpt' | 'data'; code: number; text: string } | 'drop'

export const startHarness: StartHarness = async () => {
  const attempted: string[] = []
  const complaints: string[] = []
  let next: Next | null = null
  const fault = (at: 'rcpt' | 'data') => {
    if (next === null || next === 'drop' || next.at !== at) return null
    const { code, text } = next
    next = null
    return Object.assign(new Error(text), { responseCode: code })
  }
  const options: SMTPServerOptions = {
    onRcptTo: (_address, _session, callback) => callback(fault('rcpt')),
    onData(stream, _session, callback) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', async () => {
        const raw = Buffer.concat(chunks).toString()
        attempted.push(/message-id: <(.+)@/i.exec(raw)?.[1] ?? '')
        complaints.push(...(await mailFaults(raw)))
        const refused = fault('data')
        if (refused !== null) return callback(refused)
        if (next !== 'drop') {
          received.push(attempted.at(-1)!)
          return callback()
        }
        next = null
        for (const connection of server.connections()) connection.destroy()
      })
    },
  }
  const received: string[] = []
  const server = await startSmtpServer(options)
  const answer = (at: 'rcpt' | 'data', code: number, text: string) => () => {
    next = { at, code, text }
  }
  const cases: ChannelCase[] = [
    { name: '451 after the text', next: answer('data', 451, '4.3.0 later'), result: { kind: 'transient' } },
    {
      name: '552 after the text',
      next: answer('data', 552, '5.3.4 too large'),
      result: { kind: 'permanent', suppress: false },
    },
    {
      name: '550 5.1.1 to the recipient',
      next: answer('rcpt', 550, '5.1.1 no such user'),
      result: { kind: 'permanent', suppress: true },
    },
    {
      name: '421: too many',
      next: answer('data', 421, '4.7.0 too many messages'),
      result: { kind: 'throttled' },
    },
    {
      name: 'the connection ends after the text',
      next: () => {
        next = 'drop'
      },
      result: { kind: 'unknown' },
    },
  ]
  return {
    settings: server.settings,
    message: {},
    received: async () => received,
    close: server.close,
    people: {
      attempted: () => attempted,
      complaints: () => complaints,
      never: { 'transient-wait': 'SMTP has no field for a time' },
      cases,
    },
  }
}
