import { readFileSync } from 'node:fs'
import { getExpectedTwilioSignature } from 'twilio/lib/webhooks/webhooks.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLinks } from '../../../src/action/links.ts'
import { markUnknown } from '../../../src/action/recover.ts'
import { linkSecret } from '../../../src/pipeline/first-start.ts'
import { vendors } from '../../contract/callbacks/vendors.ts'
import { adminKey, type DoorWorld, openDoorWorld } from './door-world.ts'

const day = 86_400_000
const token = '12345678901234567890123456789012'
const help = 'Write to help@shop.example.'
const shop = `
goals: [{ id: order, event: Order Completed, windowHours: 72 }]
offers: [{ id: tea, name: Tea, value: 10 }]
templates:
  - { id: mail, channel: email, subject: Tea, html: '<p><a href="https://shop.example/tea">Tea</a> {{links.unsubscribe}}</p>' }
  - { id: text, channel: sms, text: 'Tea? Reply STOP to end.' }
experiments:
  - { id: by-mail, arms: [{ id: a, share: 0, control: true }, { id: b, share: 1, treatment: tea/email }] }
  - { id: by-text, arms: [{ id: a, share: 0, control: true }, { id: b, share: 1, treatment: tea/sms }] }
campaigns:
  - { id: mails, name: Mails, goal: order, trigger: { event: Mail }, holdout: 0, policy: { kind: fixed-split, experiment: by-mail }, treatments: [{ offer: tea, channel: email, variants: [{ id: a, template: mail }] }] }
  - { id: texts, name: Texts, goal: order, trigger: { event: Text }, holdout: 0, policy: { kind: fixed-split, experiment: by-text }, treatments: [{ offer: tea, channel: sms, variants: [{ id: a, template: text }] }] }
`

let world: DoorWorld
let customers = 0

beforeAll(async () => {
  world = await openDoorWorld({
    providers: [
      { id: 'grid', kind: 'smtp', callbacks: { vendor: 'sendgrid', ...vendors.sendgrid!.settings } },
      { id: 'texts', kind: 'smtp', callbacks: { vendor: 'twilio', authToken: token, helpText: help } },
    ],
  })
  await world.call('POST', '/workspace-file', { yaml: shop })
  for (const campaign of ['mails', 'texts'])
    for (const action of ['approve', 'launch'])
      await world.call('POST', `/campaigns/${campaign}/${action}`, { actor: 'ann' })
})
afterAll(() => world.close())

interface Sent {
  user: string
  id: string
  address: string
}

async function messageTo(channel: 'Mail' | 'Text', known?: string): Promise<Sent> {
  const user = known ?? `u${++customers}`
  const phone = `+4915100000${String(Number(user.slice(1))).padStart(3, '0')}`
  if (known === undefined) await world.identify(user, { email: `${user}@example.com`, phone })
  await world.track(user, channel)
  const { items } = (await world.call<{ items: Sent[] }>('GET', `/messages?customer=${user}&limit=1`)).body
  return { ...items[0]!, user }
}

interface GridEvent {
  event: string
  sg_event_id: string
  starling_message?: string
  [key: string]: unknown
}

async function grid(events: GridEvent[], at = Date.now()): Promise<Response> {
  const { body, headers } = vendors.sendgrid!.signed(JSON.stringify(events), at)
  return post('grid/sendgrid', body, headers)
}

async function post(path: string, body: Buffer | string, headers: Record<string, string | undefined>) {
  const given = Object.entries(headers).filter((own): own is [string, string] => own[1] !== undefined)
  const init = { method: 'POST', headers: Object.fromEntries(given), body: Buffer.from(body) }
  return fetch(`${world.url}/callbacks/${path}`, init)
}

async function twilio(fields: Record<string, string>, query = ''): Promise<Response> {
  const path = `texts/twilio${query}`
  const signature = getExpectedTwilioSignature(token, `${world.url}/callbacks/${path}`, fields)
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    'x-twilio-signature': signature,
  }
  return post(path, new URLSearchParams(fields).toString(), headers)
}

const db = () => world.engine.parts.store.read.workspace('main')

async function suppressions(address: string): Promise<string[]> {
  const rows = await db().selectFrom('suppressions').selectAll('suppressions').execute()
  return rows.filter((row) => row.address === address).map((row) => row.reason)
}

async function storyOf(id: string) {
  await world.engine.drain()
  return (
    await world.call<{ state: string; delivery: string; told: { kind: string }[] }>('GET', `/messages/${id}`)
  ).body
}

async function counts(): Promise<Record<string, number>> {
  const answer = await world.call<{ callbacks: { provider: string; outcome: string; count: number }[] }>(
    'GET',
    '/deliverability',
  )
  return Object.fromEntries(answer.body.callbacks.map((own) => [`${own.provider} ${own.outcome}`, own.count]))
}

describe('what a provider tells of a mail', () => {
  test('a hard bounce is in force before it is answered, and stands in the message’s story', async () => {
    const { id, address, user } = await messageTo('Mail')
    const event = {
      event: 'bounce',
      type: 'bounce',
      sg_event_id: 'b1',
      starling_message: id,
      status: '5.1.1',
    }
    const answer = await grid([{ ...event, email: address, timestamp: Math.floor(Date.now() / 1000) }])
    expect([answer.status, await answer.json()]).toEqual([200, { received: 1 }])
    // Nothing has read the log yet.
    expect(await suppressions(address)).toEqual(['bounce'])
    expect(await storyOf(id)).toMatchObject({
      state: 'sent',
      delivery: 'bounced',
      told: [{ kind: 'hard-bounce' }],
    })
    await world.track(user, 'Mail')
    const { items } = (await world.call<{ items: object[] }>('GET', `/messages?customer=${user}`)).body
    expect(items).toHaveLength(1)
  })

  test('a complaint suppresses, an unsubscribe denies consent', async () => {
    const complained = await messageTo('Mail')
    const left = await messageTo('Mail')
    await grid([
      { event: 'spamreport', sg_event_id: 'c1', starling_message: complained.id },
      { event: 'unsubscribe', sg_event_id: 'c2', starling_message: left.id },
    ])
    expect(await suppressions(complained.address)).toEqual(['complaint'])
    const { consents } = (await world.call<{ consents: object }>('GET', `/customers/${left.user}`)).body
    expect(consents).toEqual({ email: 'denied' })
  })

  test('told again it changes nothing and is counted', async () => {
    const { id } = await messageTo('Mail')
    const events = [{ event: 'delivered', sg_event_id: 'd1', starling_message: id }]
    const before = (await counts())['grid repeated'] ?? 0
    await grid(events)
    await world.engine.drain()
    expect((await grid(events)).status).toBe(200)
    expect((await storyOf(id)).told).toHaveLength(1)
    expect((await counts())['grid repeated']).toBe(before + 1)
  })

  test('in any order it comes to the same, and what came late is counted', async () => {
    const { id } = await messageTo('Mail')
    const at = Math.floor(world.clock.now() / 1000)
    const before = (await counts())['grid out-of-order'] ?? 0
    await grid([
      { event: 'bounce', type: 'bounce', sg_event_id: 'o2', starling_message: id, timestamp: at - 1 },
    ])
    await world.engine.drain()
    await grid([{ event: 'delivered', sg_event_id: 'o1', starling_message: id, timestamp: at - 5 }])
    expect(await storyOf(id)).toMatchObject({
      delivery: 'bounced',
      told: [{ kind: 'delivered' }, { kind: 'hard-bounce' }],
    })
    expect((await counts())['grid out-of-order']).toBe(before + 1)
  })

  test('its own name of the message is enough, and a message of nobody’s is counted', async () => {
    const { id, address } = await messageTo('Mail')
    await world.engine.parts.store.transaction((tx) =>
      tx
        .workspace('main')
        .updateTable('attempts')
        .set({ provider_message_id: 'x-message-id' })
        .where('attempts.message_id', '=', id)
        .execute(),
    )
    const answer = await grid([
      { event: 'bounce', type: 'bounce', sg_event_id: 'n1', sg_message_id: 'x-message-id.recvd-1' },
      {
        event: 'bounce',
        type: 'bounce',
        sg_event_id: 'n2',
        sg_message_id: 'of-another-system',
        email: 'zoe@x.y',
      },
    ])
    expect(answer.status).toBe(200)
    expect([await suppressions(address), await suppressions('zoe@x.y')]).toEqual([['bounce'], []])
    expect((await counts())['grid unknown-message']).toBe(1)
  })

  test('a message that nobody knew about is known now', async () => {
    const { id } = await messageTo('Mail')
    const { store, clock, wallClock } = world.engine.parts
    await store.transaction((tx) =>
      tx
        .workspace('main')
        .updateTable('messages')
        .set({ state: 'sending' })
        .where('messages.message_id', '=', id)
        .execute(),
    )
    await markUnknown(store, 'main', 'all', { clock, wallClock, isOurs: () => false })
    expect((await storyOf(id)).state).toBe('unknown')
    await grid([{ event: 'delivered', sg_event_id: 'k1', starling_message: id }])
    expect(await storyOf(id)).toMatchObject({ state: 'sent', delivery: 'delivered' })
  })

  test('an address that keeps bouncing softly is suppressed after seven over days, not six', async () => {
    const first = await messageTo('Mail')
    const soft = async (n: number): Promise<void> => {
      const { id } = n === 1 ? first : await messageTo('Mail', first.user)
      const at = Math.floor((world.clock.now() - (8 - n) * day) / 1000)
      await grid([
        { event: 'bounce', type: 'blocked', sg_event_id: `s${n}`, starling_message: id, timestamp: at },
      ])
      await world.engine.drain()
    }
    for (const n of [1, 2, 3, 4, 5, 6]) await soft(n)
    expect(await suppressions(first.address)).toEqual([])
    await soft(7)
    expect(await suppressions(first.address)).toEqual(['soft-bounces'])
  })
})

describe('mails that come back', () => {
  const sample = (name: string, id: string, address: string, returnPath: string): string =>
    readFileSync(new URL(`../../unit/action/bounces/${name}.eml`, import.meta.url), 'utf8')
      .replaceAll('50cd0123456789abcdef0123456789ab', id)
      .replaceAll('ann@example.com', address)
      .replaceAll('bounces+TOKEN@mail.shop.example', returnPath)
      .replace(/^(Message-I[dD]:) <.*>$/m, `$1 <report-of-${id}@x.example>`)

  async function handIn(mail: string, recipient = '') {
    const answer = await fetch(`${world.url}/api/v1/bounces?recipient=${encodeURIComponent(recipient)}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'message/rfc822' },
      body: mail.replaceAll('\n', '\r\n'),
    })
    return [answer.status, await answer.json()]
  }

  async function returnPathOf(id: string): Promise<string> {
    const { store } = world.engine.parts
    const links = createLinks({ secret: await linkSecret(store), baseUrl: world.url })
    return links.bounceAddress('bounces@mail.shop.example', id)
  }

  test.each(['postfix', 'exchange', 'gmail'])(
    'a report of %s suppresses before it is answered',
    async (name) => {
      const { id, address } = await messageTo('Mail')
      const mail = sample(name, id, address, await returnPathOf(id))
      expect(await handIn(mail)).toEqual([200, { report: true, told: 1, known: 1 }])
      expect(await suppressions(address)).toEqual(['bounce'])
      expect(await handIn(mail)).toEqual([200, { report: true, told: 1, known: 1 }])
      expect(await storyOf(id)).toMatchObject({
        delivery: 'bounced',
        told: [{ kind: 'hard-bounce', provider: 'mail' }],
      })
    },
  )

  test('a complaint suppresses; an out-of-office answer does not', async () => {
    const { id, address } = await messageTo('Mail')
    const path = await returnPathOf(id)
    expect(await handIn(sample('out-of-office', id, address, path), path)).toEqual([
      200,
      { report: false, told: 0, known: 0 },
    ])
    expect(await suppressions(address)).toEqual([])
    await handIn(sample('complaint', id, address, path))
    expect(await suppressions(address)).toEqual(['complaint'])
    expect(await counts()).toMatchObject({ 'mail unreadable': 1 })
  })

  test('the envelope’s recipient is enough; the Message-ID alone only for the address that was written to', async () => {
    const { id, address } = await messageTo('Mail')
    const unsigned = 'bounces@mail.shop.example'
    const forged = sample('postfix', id, 'bob@example.com', unsigned)
    expect(await handIn(forged)).toEqual([200, { report: true, told: 1, known: 0 }])
    const wrong = `bounces+${id}-0123456789abcdef@mail.shop.example`
    expect(await handIn(forged, wrong)).toEqual([200, { report: true, told: 1, known: 0 }])
    expect(await suppressions(address)).toEqual([])
    expect(await handIn(sample('postfix', id, address, unsigned))).toMatchObject([200, { known: 1 }])
    const other = await messageTo('Mail')
    const elsewhere = sample('gmail', 'f'.repeat(32), 'forwarded@example.com', unsigned)
    expect(await handIn(elsewhere, await returnPathOf(other.id))).toMatchObject([200, { known: 1 }])
    expect([await suppressions(address), await suppressions(other.address)]).toEqual([['bounce'], ['bounce']])
  })
})

describe('what is not believed', () => {
  test('a wrong signature, an old one, and a provider that nobody has named are refused and counted', async () => {
    const { id, address } = await messageTo('Mail')
    const events = [{ event: 'bounce', type: 'bounce', sg_event_id: 'w1', starling_message: id }]
    const { body, headers } = vendors.sendgrid!.signed(JSON.stringify(events), Date.now())
    const forged = await post('grid/sendgrid', `${body} `, headers)
    expect([forged.status, ((await forged.json()) as { code: string }).code]).toEqual([
      401,
      'invalid_signature',
    ])
    expect((await grid(events, Date.now() - day)).status).toBe(401)
    expect((await post('nobody/sendgrid', body, headers)).status).toBe(404)
    expect((await post('grid/twilio', body, headers)).status).toBe(404)
    expect(await suppressions(address)).toEqual([])
    expect(await counts()).toMatchObject({ 'grid bad-signature': 1, 'grid stale': 1 })
  })

  test('what is signed and makes no sense is refused and counted', async () => {
    const { body, headers } = vendors.sendgrid!.signed('{"not":"a list"}', Date.now())
    expect((await post('grid/sendgrid', body, headers)).status).toBe(400)
    expect(await counts()).toMatchObject({ 'grid unreadable': 1 })
  })

  test('while the log takes nothing the provider is told to come again, and then nothing is done twice', async () => {
    const { id, address } = await messageTo('Mail')
    const { log } = world.engine.parts
    const append = log.append
    log.append = async () => ({ kind: 'full', retryAfterSeconds: 7 })
    const events = [{ event: 'spamreport', sg_event_id: 'f1', starling_message: id }]
    const refused = await grid(events)
    log.append = append
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '7'])
    // Applied before the log was asked: a no that was heard counts.
    expect(await suppressions(address)).toEqual(['complaint'])
    expect((await grid(events)).status).toBe(200)
    expect((await storyOf(id)).told).toHaveLength(1)
  })
})

describe('answers by text message', () => {
  const reply = (from: string, body: string, sid: string) =>
    twilio({ MessageSid: sid, From: from, To: '+4930123', Body: body })

  async function mayText(user: string): Promise<boolean> {
    const { body } = await world.call<{ consents: { sms?: string } }>('GET', `/customers/${user}`)
    return body.consents.sms !== 'denied'
  }

  test.each(['STOP', 'stop', ' StopAll ', 'unsubscribe', 'CANCEL', 'end\n', 'QUIT'])(
    '%j opts out before it is answered',
    async (word) => {
      const { address, user } = await messageTo('Text')
      const answer = await reply(address, word, `SM-${word.trim()}`)
      expect([answer.status, await answer.text()]).toEqual([
        200,
        expect.stringContaining('<Response></Response>'),
      ])
      expect([await suppressions(address), await mayText(user)]).toEqual([['stop-word'], false])
    },
  )

  test.each(['non-stop', 'please stop', 'STOP it', 'stop.', 'STOP STOP', 'the end', ''])(
    '%j opts nobody out',
    async (text) => {
      const { address, user } = await messageTo('Text')
      await reply(address, text, `SM-no-${text}`)
      expect([await suppressions(address), await mayText(user)]).toEqual([[], true])
    },
  )

  test('START opts in again, but a START that is played once more does not undo a later STOP', async () => {
    const { address, user } = await messageTo('Text')
    await reply(address, 'STOP', 'SM-a1')
    await reply(address, 'Unstop', 'SM-a2')
    expect([await suppressions(address), await mayText(user)]).toEqual([[], true])
    await reply(address, 'STOP', 'SM-a3')
    await reply(address, 'Unstop', 'SM-a2')
    expect([await suppressions(address), await mayText(user)]).toEqual([['stop-word'], false])
  })

  test('START takes back a STOP, and no other reason', async () => {
    const { address, id, user } = await messageTo('Text')
    await twilio(
      { MessageSid: 'SM-b', MessageStatus: 'undelivered', ErrorCode: '30005', To: address },
      `?starling_message=${id}`,
    )
    await reply(address, 'YES', 'SM-b1')
    expect(await suppressions(address)).toEqual(['bounce'])
    await world.call('PUT', `/customers/${user}/consents/sms`, { state: 'denied' })
    await reply(address, 'START', 'SM-b2')
    expect((await storyOf(id)).delivery).toBe('bounced')
  })

  test('HELP and INFO are answered, and change nothing', async () => {
    const { address, id } = await messageTo('Text')
    for (const word of ['HELP', 'info']) {
      const answer = await reply(address, word, `SM-${word}`)
      expect(answer.headers.get('content-type')).toContain('text/xml')
      expect(await answer.text()).toContain('<Message>Write to help@shop.example.</Message>')
    }
    expect(await suppressions(address)).toEqual([])
    expect((await storyOf(id)).told.map(({ kind }) => kind)).toEqual(['reply', 'reply'])
  })

  test('a number that was never written to is not written to either', async () => {
    await reply('+4915199999999', 'STOP', 'SM-new')
    expect(await suppressions('+4915199999999')).toEqual(['stop-word'])
  })
})
