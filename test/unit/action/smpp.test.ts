import { describe, expect, test } from 'vitest'
import type { OutgoingMessage } from '#contracts/message.ts'
import { createSteppedClock } from '#platform/clock/stepped-clock.ts'
import type { ChannelParts } from '../../../src/action/channel-file.ts'
import { channel } from '../../../src/action/channels/smpp.ts'
import { type Pdu, type SmppSession, smpp } from '../../../src/action/smpp/smpp-library.ts'
import { submitFields } from '../../../src/action/smpp/submit-fields.ts'

const base = { from: '+12015550100', to: '+12015550123', reference: 7 }

describe('the requests that a text takes', () => {
  test('one for a short text: octets of the default alphabet', () => {
    expect(submitFields({ ...base, text: 'Hi @€', longMessages: 'udh' })).toEqual([
      {
        source_addr_ton: 1,
        source_addr_npi: 1,
        source_addr: '12015550100',
        dest_addr_ton: 1,
        dest_addr_npi: 1,
        destination_addr: '12015550123',
        data_coding: 0,
        registered_delivery: 1,
        short_message: Buffer.from([0x48, 0x69, 0x20, 0x00, 0x1b, 0x65]),
      },
    ])
  })

  test('several for a long one, joined by a header of six octets', () => {
    const [first, second, ...more] = submitFields({ ...base, text: 'a'.repeat(161), longMessages: 'udh' })
    expect(more).toEqual([])
    expect(first).toMatchObject({ esm_class: 0x40 })
    expect((first!.short_message as Buffer).subarray(0, 6).toString('hex')).toBe('050003070201')
    expect(first!.short_message).toHaveLength(6 + 153)
    expect((second!.short_message as Buffer).toString('hex')).toBe(`050003070202${'61'.repeat(8)}`)
  })

  test('one with all of it where the message centre splits', () => {
    const fields = submitFields({ ...base, text: 'ж'.repeat(100), longMessages: 'payload' })
    expect(fields).toHaveLength(1)
    expect(fields[0]).toMatchObject({
      data_coding: 8,
      message_payload: Buffer.from('0436'.repeat(100), 'hex'),
    })
    expect(fields[0]).not.toHaveProperty('short_message')
  })

  test.each([
    ['ACME', 5, 0],
    ['12345', 3, 0],
  ])('a sender %s has type %i', (from, ton, npi) => {
    expect(submitFields({ ...base, from, text: 'x', longMessages: 'udh' })[0]).toMatchObject({
      source_addr: from,
      source_addr_ton: ton,
      source_addr_npi: npi,
    })
  })
})

describe('over a connection', () => {
  test('hands over receipts and replies, and has what was not taken sent again', async () => {
    const told: unknown[] = []
    let bound: SmppSession | null = null
    const centre = await startCentre((session) => {
      bound = session
      return 0
    })
    let answers = [true, true]
    const own = open(centre.port, 'secret', async (source, facts) => {
      told.push({ source, facts })
      if (answers.length === 0) throw new Error('no store')
      return answers.shift()!
    })
    await own.send(message('hello'))
    const ask = (fields: object) =>
      new Promise<number>((resolve) => bound!.deliver_sm({ ...fields }, (pdu) => resolve(pdu.command_status)))
    // Appendix B of SMPP 3.4.
    const receipt =
      'id:123A456B sub:001 dlvrd:000 submit date:2601010000 done date:2601010001 stat:UNDELIV err:034 text:hello'
    expect(await ask({ esm_class: 4, source_addr: '12015550123', short_message: receipt })).toBe(0)
    expect(await ask({ esm_class: 0, source_addr: '12015550123', short_message: 'Stop' })).toBe(0)
    expect(await ask({ esm_class: 0, source_addr: '12015550123', short_message: 'START' })).toBe(0x64)
    expect(told).toMatchObject([
      {
        source: { provider: 'sms', channel: 'sms' },
        facts: [{ kind: 'soft-bounce', providerMessageId: '123A456B', reason: 'UNDELIV 034' }],
      },
      { facts: [{ kind: 'reply', address: '+12015550123', reason: 'Stop' }] },
      { facts: [{ kind: 'reply', reason: 'START' }] },
    ])
    answers = []
    await own.close()
    await centre.close()
  })

  test('a part that is refused after another was taken leaves the message unknown', async () => {
    const centre = await startCentre((_, count) => (count === 1 ? 0 : 0x58))
    const own = open(centre.port)
    expect(await own.send(message('a'.repeat(200)))).toEqual({
      kind: 'unknown',
      reason: 'only a part was taken: throttled',
    })
    expect(centre.texts).toEqual(['a'.repeat(153), 'a'.repeat(47)])
    await own.close()
    await centre.close()
  })

  test('binds again when the connection was lost, and is refused with a wrong password', async () => {
    const centre = await startCentre((session, count) => {
      if (count > 1) return 0
      session.destroy()
      return null
    })
    const own = open(centre.port)
    expect((await own.send(message('one'))).kind).toBe('unknown')
    expect((await own.send(message('two'))).kind).toBe('sent')
    const wrong = open(centre.port, 'wrong')
    expect(await wrong.send(message('three'))).toEqual({
      kind: 'transient',
      reason: 'smpp_unreachable: bind refused with 0x0000000d',
      ofProvider: true,
    })
    await Promise.all([own.close(), wrong.close()])
    await centre.close()
  })
})

function open(port: number, password = 'secret', report: ChannelParts['report'] = async () => true) {
  const settings = { url: `smpp://127.0.0.1:${port}`, systemId: 'acme', password, from: 'ACME' }
  const parts = {
    id: 'sms',
    wallClock: createSteppedClock(0),
    inFlightMax: 8,
    report,
  } as unknown as ChannelParts
  return channel.open(channel.settings.parse(settings), parts)
}

function message(text: string): OutgoingMessage {
  const id = 'm1'
  return {
    workspace: 'acme',
    channel: 'sms',
    messageId: id,
    idempotencyKey: id,
    customerId: 'ann',
    address: '+12015550123',
    from: '',
    subject: '',
    html: '',
    text,
    url: '',
    data: {},
    headers: {},
  }
}

/** Answers each submit with the status that `answer` gives for it. */
async function startCentre(answer: (session: SmppSession, count: number) => number | null) {
  const texts: string[] = []
  const server = smpp.createServer({}, (session) => {
    session.on('error', () => {})
    session.on('unbind', (pdu: Pdu) => session.send(pdu.response()))
    session.on('bind_transceiver', (pdu: Pdu) =>
      session.send(pdu.response({ command_status: pdu.password === 'secret' ? 0 : 0x0d })),
    )
    session.on('submit_sm', (pdu: Pdu) => {
      texts.push((pdu.short_message as { message: string }).message)
      const status = answer(session, texts.length)
      if (status !== null) session.send(pdu.response({ command_status: status, message_id: 'x' }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = async () => {
    for (const session of server.sessions) session.destroy()
    await new Promise<void>((resolve) => server.close(resolve))
  }
  return { port: server.address().port, texts, close }
}
