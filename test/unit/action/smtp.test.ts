import PostalMime from 'postal-mime'
import { describe, expect, test } from 'vitest'
import type { OutgoingMessage, SendResult } from '#contracts/message.ts'
import type { ChannelParts } from '../../../src/action/channel-file.ts'
import { channel as smtp } from '../../../src/action/channels/smtp.ts'
import { smtpSettingsOf } from '../../../src/action/smtp/smtp-settings.ts'
import { type Script, startScriptedServer, startSmtpServer } from './smtp-servers.ts'

function open(settings: { url: string; answerTimeoutMs?: number }, inFlightMax = 10) {
  const parts = { inFlightMax, wallClock: { now: () => Date.now() } }
  return smtp.open(smtp.settings.parse(settings), parts as ChannelParts)
}

function outgoing(parts: Partial<OutgoingMessage> = {}): OutgoingMessage {
  return {
    workspace: 'acme',
    channel: 'email',
    messageId: 'm1',
    idempotencyKey: 'm1',
    customerId: 'ann',
    address: 'ann@example.com',
    from: 'Acme Shop <hello@acme.example>',
    subject: 'Grüße, Ann',
    html: '<p>Hallo <b>Ann</b> — schön</p>',
    text: 'Hallo Ann — schön\n.\n..dots',
    url: '',
    data: {},
    headers: {
      'Message-ID': '<m1@acme.example>',
      'List-Unsubscribe': '<https://s.example/u/x>',
      'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
    },
    ...parts,
  }
}

async function scripted(script: Script, message = outgoing()): Promise<SendResult> {
  const server = await startScriptedServer(script)
  const channel = open(server.settings)
  try {
    return await channel.send(message)
  } finally {
    await channel.close()
    await server.close()
  }
}

describe('over a real SMTP server', () => {
  test('the message arrives as it was written', async () => {
    const server = await startSmtpServer()
    const channel = open(server.settings)
    const result = await channel.send(outgoing())
    await channel.close()
    await server.close()
    expect(result.kind).toBe('sent')
    expect(server.received).toMatchObject([{ to: 'ann@example.com', from: 'hello@acme.example' }])
    const mail = await PostalMime.parse(server.received[0]!.raw)
    expect(mail).toMatchObject({
      subject: 'Grüße, Ann',
      messageId: '<m1@acme.example>',
      from: { name: 'Acme Shop', address: 'hello@acme.example' },
      to: [{ address: 'ann@example.com' }],
    })
    expect(mail.html!.trim()).toBe('<p>Hallo <b>Ann</b> — schön</p>')
    expect(mail.text!.trim()).toBe('Hallo Ann — schön\n.\n..dots')
    const header = (name: string) => mail.headers.filter(({ key }) => key === name).map(({ value }) => value)
    expect(header('list-unsubscribe')).toEqual(['<https://s.example/u/x>'])
    expect(header('list-unsubscribe-post')).toEqual(['List-Unsubscribe=One-Click'])
    expect(header('message-id')).toHaveLength(1)
    expect(header('date')).toHaveLength(1)
  })

  test('the pool keeps to its connections and reuses them', async () => {
    let open_ = 0
    let most = 0
    let all = 0
    const server = await startSmtpServer({
      onConnect(_, callback) {
        open_++
        all++
        most = Math.max(most, open_)
        callback()
      },
      onClose() {
        open_--
      },
    })
    const channel = open(server.settings, 3)
    const results = await Promise.all(
      Array.from({ length: 60 }, (_, i) => channel.send(outgoing({ address: `a${i}@example.com` }))),
    )
    await channel.close()
    await server.close()
    expect(results.every((result) => result.kind === 'sent')).toBe(true)
    expect(new Set(server.received.map(({ to }) => to)).size).toBe(60)
    expect(most).toBe(3)
    expect(all).toBe(3)
  })

  test('logs in where credentials are given; a refusal says nothing about the message', async () => {
    const server = await startSmtpServer({
      disabledCommands: ['STARTTLS'],
      onAuth: ({ username, password }, _, callback) =>
        username === 'me' && password === 'right'
          ? callback(null, { user: 'me' })
          : callback(new Error('no')),
    })
    const right = open({ ...server.settings, url: server.settings.url.replace('//', '//me:right@') })
    const wrong = open({ ...server.settings, url: server.settings.url.replace('//', '//me:wrong@') })
    expect((await right.send(outgoing())).kind).toBe('sent')
    expect(await wrong.send(outgoing())).toMatchObject({
      kind: 'transient',
      reason: expect.stringMatching(/^smtp_535/),
    })
    await right.close()
    await wrong.close()
    await server.close()
  })

  test('a refused recipient leaves the connection usable', async () => {
    const server = await startSmtpServer({
      onRcptTo({ address }, _, callback) {
        if (!address.startsWith('bad')) return callback()
        callback(Object.assign(new Error('5.1.1 User unknown'), { responseCode: 550 }))
      },
    })
    const channel = open(server.settings, 1)
    const results = [
      await channel.send(outgoing({ address: 'bad@example.com' })),
      await channel.send(outgoing()),
    ]
    await channel.close()
    await server.close()
    expect(results).toMatchObject([{ kind: 'permanent', suppress: true }, { kind: 'sent' }])
    expect(server.received).toHaveLength(1)
  })

  test('a session that the server ends between two messages is replaced without anybody noticing', async () => {
    const server = await startScriptedServer({ mailsMax: 1 })
    const channel = open(server.settings)
    const results = [await channel.send(outgoing()), await channel.send(outgoing())]
    await channel.close()
    await server.close()
    expect(results.map((result) => result.kind)).toEqual(['sent', 'sent'])
    expect(server.commands.filter((command) => command === '.')).toHaveLength(2)
  })

  test('a connection that the server closed while idle is not used again', async () => {
    const server = await startScriptedServer({})
    const channel = open(server.settings)
    expect((await channel.send(outgoing())).kind).toBe('sent')
    for (const socket of server.sockets) socket.destroy()
    expect((await channel.send(outgoing())).kind).toBe('sent')
    await channel.close()
    await server.close()
  })
})

const pipelining = '250-test\r\n250 PIPELINING'

describe('what a server’s answer means', () => {
  const cases: [string, Script, Partial<SendResult>][] = [
    ['accepted', {}, { kind: 'sent', providerMessageId: 'Q1' }],
    ['refuses at the greeting', { greeting: '554 no service here' }, { kind: 'transient' }],
    [
      'too busy at the greeting',
      { greeting: '421 4.3.2 too busy' },
      { kind: 'throttled', retryAfterMs: 60_000 },
    ],
    ['EHLO and HELO refused', { ehlo: '550 go away' }, { kind: 'transient' }],
    ['sender deferred', { mail: '451 4.3.0 later' }, { kind: 'transient' }],
    ['sender refused', { mail: '550 5.7.1 sender denied' }, { kind: 'permanent', suppress: false }],
    ['log-in required', { mail: '530 5.7.0 authentication required' }, { kind: 'transient' }],
    ['greylisted', { rcpt: '450 4.2.0 greylisted' }, { kind: 'transient' }],
    ['mailbox full for now', { rcpt: '452 4.2.2 mailbox full' }, { kind: 'transient' }],
    [
      'rate limited',
      { rcpt: '450 4.7.1 too many messages, slow down' },
      { kind: 'throttled', retryAfterMs: 60_000 },
    ],
    ['no such mailbox, enhanced', { rcpt: '550 5.1.1 no such user' }, { kind: 'permanent', suppress: true }],
    ['no such mailbox, plain', { rcpt: '550 User unknown' }, { kind: 'permanent', suppress: true }],
    [
      'mailbox unavailable, plain',
      { rcpt: '550 Requested action not taken: mailbox unavailable' },
      { kind: 'permanent', suppress: true },
    ],
    ['policy', { rcpt: '550 5.7.1 blocked by policy' }, { kind: 'permanent', suppress: false }],
    ['policy without a code', { rcpt: '554 blocked using a list' }, { kind: 'permanent', suppress: false }],
    ['mailbox full for good', { rcpt: '552 5.2.2 over quota' }, { kind: 'permanent', suppress: false }],
    ['DATA refused', { data: '554 5.5.1 no valid recipients' }, { kind: 'permanent', suppress: false }],
    ['DATA deferred', { data: '451 4.3.0 later' }, { kind: 'transient' }],
    ['text refused', { end: '554 5.6.0 spam' }, { kind: 'permanent', suppress: false }],
    ['text deferred', { end: '451 4.3.0 disk' }, { kind: 'transient' }],
    ['closing after the text, with an answer', { end: '421 4.3.2 shutting down' }, { kind: 'throttled' }],
    ['connection lost before MAIL', { greeting: 'drop' }, { kind: 'transient' }],
    ['connection lost at RCPT', { rcpt: 'drop' }, { kind: 'transient' }],
    ['connection lost at DATA', { data: 'drop' }, { kind: 'transient' }],
    ['connection lost after the text', { end: 'drop' }, { kind: 'unknown' }],
    ['no answer at RCPT', { rcpt: 'silence' }, { kind: 'transient' }],
    ['no answer after the text', { end: 'silence' }, { kind: 'unknown' }],
    ['nonsense after the text', { end: 'hello there' }, { kind: 'unknown' }],
  ]
  test.concurrent.each(cases)('%s', async (_, script, expected) => {
    expect(await scripted(script)).toMatchObject(expected)
  })

  test.concurrent.each(cases)('%s, the envelope sent in one go', async (_, script, expected) => {
    expect(await scripted({ ehlo: pipelining, ...script })).toMatchObject(expected)
  })

  test('the recipient’s refusal counts, not what follows it', async () => {
    const script = { ehlo: pipelining, rcpt: '550 5.1.1 no such user', data: '554 5.5.1 no recipients' }
    expect(await scripted(script)).toMatchObject({ kind: 'permanent', suppress: true })
  })

  test.each([
    ['waits for each answer', undefined, 'MAIL'],
    ['sends the envelope ahead where the server offers it', pipelining, 'MAIL RCPT DATA'],
  ])('%s', async (_, ehlo, arrives) => {
    const server = await startScriptedServer({ mail: 'silence', ...(ehlo === undefined ? {} : { ehlo }) })
    const channel = open({ ...server.settings, answerTimeoutMs: 100 })
    expect(await channel.send(outgoing())).toMatchObject({ kind: 'transient' })
    expect(server.commands.slice(1, 4).join(' ')).toBe(arrives)
    await channel.close()
    await server.close()
  })

  test('what a server cannot take is not begun', async () => {
    const small = '250-test\r\n250 SIZE 100'
    expect(await scripted({ ehlo: small })).toMatchObject({
      kind: 'permanent',
      reason: expect.stringContaining('too_large'),
    })
    expect(await scripted({}, outgoing({ address: 'jürgen@example.com' }))).toMatchObject({
      kind: 'permanent',
      suppress: false,
    })
    const server = await startScriptedServer({ ehlo: '250-test\r\n250 SMTPUTF8' })
    const channel = open(server.settings)
    expect((await channel.send(outgoing({ address: 'jürgen@example.com' }))).kind).toBe('sent')
    await channel.close()
    await server.close()
  })

  test('nobody listens: transient', async () => {
    const server = await startScriptedServer({})
    await server.close()
    const channel = open(server.settings)
    expect(await channel.send(outgoing())).toMatchObject({
      kind: 'transient',
      reason: expect.stringContaining('smtp_unreachable'),
    })
    await channel.close()
  })

  test.each(['', 'ann', 'ann@', 'a@b, c@d', 'a@b\r\nRCPT TO:<c@d>', '<a@b>', 'ann@exa mple.com'])(
    '%j is no address',
    async (address) => {
      expect(await scripted({}, outgoing({ address }))).toEqual({
        kind: 'permanent',
        reason: 'bad_address',
        suppress: true,
      })
    },
  )
})

test('the address of the mail server', () => {
  expect(smtpSettingsOf('smtps://me%40x:p%2Fw@mail.example')).toMatchObject({
    host: 'mail.example',
    port: 465,
    secure: true,
    auth: { user: 'me@x', pass: 'p/w' },
  })
  expect(smtpSettingsOf('smtp://mail.example:2525')).toMatchObject({ port: 2525, secure: false, auth: null })
  expect(() => smtpSettingsOf('http://mail.example')).toThrow('smtp://')
})
