import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type DoorWorld, openDoorWorld, writeKey } from './door-world.ts'

/** Two topics and something without one; a mail at each of three events. */
const yaml = `
goals: [{ id: order, event: Order Completed, windowHours: 48 }]
offers: [{ id: tea, name: Tea }]
templates:
  - { id: hello, channel: email, subject: Hello, html: '<a href="{{links.preferences}}">choose</a> <a href="https://shop.example/">shop</a>' }
  - { id: confirm, channel: email, kind: transactional, subject: "Confirm {{data.topic}}", text: "{{links.confirm}}" }
subscriptionGroups:
  - { id: news, name: News & views, description: Once a week, channels: [email, sms], kind: opt-out }
  - { id: drops, name: New arrivals, channels: [email], kind: opt-in, doubleOptIn: { email: confirm } }
experiments:
  - { id: all, arms: [{ id: a, share: 0.5, control: true, treatment: tea/email }, { id: b, share: 0.5, treatment: tea/email }] }
campaigns:
${['news', 'drops', ''].map(campaignOf).join('\n')}
`

function campaignOf(topic: string): string {
  const id = topic === '' ? 'plain' : topic
  return `  - id: ${id}
    name: ${id}
    goal: order
    ${topic === '' ? '' : `topic: ${topic}`}
    trigger: { event: ${id} }
    holdout: 0
    policy: { kind: fixed-split, experiment: all }
    treatments: [{ offer: tea, channel: email, variants: [{ id: a, template: hello }] }]`
}

let world: DoorWorld
beforeAll(async () => {
  world = await openDoorWorld()
  const applied = await world.call('POST', '/workspace-file', { yaml })
  expect([applied.status, applied.body]).toEqual([200, expect.anything()])
  for (const campaign of ['news', 'drops', 'plain']) {
    for (const step of ['approve', 'launch'])
      await world.call('POST', `/campaigns/${campaign}/${step}`, { actor: 'ann' })
  }
})
afterAll(() => world.close())

let people = 0
/** Somebody new, with the links of their first mail, which is about news. */
async function somebody() {
  const userId = `u${++people}`
  await world.identify(userId, { email: `${userId}@example.com` })
  await world.track(userId, 'news')
  const [mail] = await mailsOf(userId)
  const preferences = new URL(/href="([^"]*\/p\/[^"]*)"/.exec(mail!.html)![1]!).pathname
  const headers = JSON.parse(mail!.headers_json) as Record<string, string>
  const unsubscribe = new URL(headers['List-Unsubscribe']!.slice(1, -1)).pathname
  return { userId, preferences, unsubscribe, messageId: mail!.message_id }
}

async function mailsOf(userId: string) {
  const db = world.engine.parts.store.read.workspace('main')
  return db
    .selectFrom('outbox')
    .selectAll('outbox')
    .where('outbox.address', '=', `${userId}@example.com`)
    .orderBy('outbox.created_at', 'desc')
    .execute()
}

/** Which of the three campaigns reach them now. */
async function getsNow(userId: string): Promise<string[]> {
  const reached: string[] = []
  for (const campaign of ['news', 'drops', 'plain']) {
    const before = (await mailsOf(userId)).length
    await world.track(userId, campaign)
    if ((await mailsOf(userId)).length > before) reached.push(campaign)
  }
  return reached
}

async function consentsOf(userId: string): Promise<Record<string, string>> {
  return (await world.call<{ consents: Record<string, string> }>('GET', `/customers/${userId}`)).body.consents
}

async function post(path: string, fields: [string, string][], accept = 'application/json') {
  const response = await fetch(`${world.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept, 'user-agent': 'Firefox/140' },
    body: new URLSearchParams(fields).toString(),
  })
  return { status: response.status, text: await response.text() }
}

const shown: [string, string][] = ['email/news', 'email/drops', 'email/*', 'sms/news', 'sms/*'].map(
  (scope) => ['shown', scope],
)

describe('the preference page', () => {
  test('shows what is so, in every channel, and its GET changes nothing', async () => {
    const { userId, preferences } = await somebody()
    const page = await world.get(preferences, { accept: 'text/html' })
    const html = await page.text()
    expect([page.status, page.headers.get('set-cookie'), page.headers.get('cache-control')]).toEqual([
      200,
      null,
      'no-store',
    ])
    const boxes = [
      ...html.matchAll(/<input type="checkbox" id="([^"]+)" name="want" value="([^"]+)"( checked)?/g),
    ]
    expect(boxes.map(([, , scope, checked]) => [scope, checked !== undefined])).toEqual([
      ['email/drops', false],
      ['email/news', true],
      ['email/*', true],
      ['sms/news', true],
      ['sms/*', true],
    ])
    for (const [, id] of boxes) expect(html).toContain(`<label for="${id}">`)
    expect(html).toContain('News &amp; views')
    expect(html).toContain('lang="en"')
    expect(html).not.toMatch(/<script|<img|http-equiv|u1@example/)
    await world.get(preferences, {}, 'HEAD')
    expect(await consentsOf(userId)).toEqual({})
  })

  test('is linked from every mail without being counted as a click', async () => {
    const { userId } = await somebody()
    const [mail] = await mailsOf(userId)
    expect(mail!.html).toMatch(/href="[^"]*\/p\/.*href="[^"]*\/c\//s)
  })

  test('saves a tick as a yes and a missing one as a no, in force when it is answered', async () => {
    const { userId, preferences, messageId } = await somebody()
    const saved = await post(preferences, [...shown, ['want', 'email/drops'], ['want', 'sms/*']])
    expect([saved.status, JSON.parse(saved.text)]).toMatchObject([200, { saved: true, alreadySending: [] }])
    expect(await consentsOf(userId)).toEqual({
      'email/news': 'denied',
      // Proven: the page was reached by a link in a mail to that address.
      'email/drops': 'granted',
      'email/*': 'denied',
      'sms/news': 'denied',
    })
    expect(await getsNow(userId)).toEqual(['drops'])
    const { records } = (
      await world.call<{ records: object[] }>('GET', `/customers/${userId}/consent-records`)
    ).body
    expect(records).toHaveLength(4)
    expect(records).toContainEqual(
      expect.objectContaining({
        channel: 'email',
        topic: 'drops',
        state: 'granted',
        source: 'preference-page',
        ip: '127.0.0.1',
        userAgent: 'Firefox/140',
        textVersion: 'drops@1',
        messageId,
      }),
    )
  })

  test('says no only to what was shown', async () => {
    const { userId, preferences } = await somebody()
    await post(preferences, [['shown', 'email/drops']])
    await post(preferences, [['want', 'email/drops']])
    expect(await consentsOf(userId)).toEqual({})
    await post(preferences, [['shown', 'email/news']])
    expect(await consentsOf(userId)).toEqual({ 'email/news': 'denied' })
  })

  test('no tick in a channel, or one button, refuses all of it; one tick later opens that topic alone', async () => {
    const { userId, preferences } = await somebody()
    const page = await post(preferences, [...shown, ['do', 'nothing'], ['want', 'email/news']], 'text/html')
    expect(page.text).toContain('Your choices are saved.')
    expect(page.text).not.toContain(' checked')
    expect(await consentsOf(userId)).toMatchObject({ email: 'denied', sms: 'denied', push: 'denied' })
    expect(await getsNow(userId)).toEqual([])
    await post(preferences, [...shown, ['want', 'email/news']])
    expect(await consentsOf(userId)).toMatchObject({ email: 'granted', sms: 'denied' })
    expect(await getsNow(userId)).toEqual(['news'])
    await post(preferences, shown)
    expect(await consentsOf(userId)).toMatchObject({ email: 'denied' })
  })

  test('a damaged link gets no page and saves nothing', async () => {
    const { userId, preferences } = await somebody()
    const bad = `${preferences.slice(0, -2)}xx`
    expect((await world.get(bad)).status).toBe(400)
    expect((await post(bad, [...shown, ['do', 'nothing']])).status).toBe(400)
    expect((await post(preferences.replace('/p/', '/u/'), [])).status).toBe(400)
    expect(await consentsOf(userId)).toEqual({})
  })
})

test('other systems hear of an opt-out, by the page or in one click, once', async () => {
  const hook = { url: 'https://crm.example/hook', events: ['message.unsubscribed'] }
  const made = await world.call<{ webhook: { webhookId: string } }>('POST', '/webhooks', hook)
  const told = async () => {
    const db = world.engine.parts.store.read.workspace('main')
    const rows = await db.selectFrom('webhook_deliveries').selectAll('webhook_deliveries').execute()
    return rows.map(({ type, message_id, body }) => [type, message_id, JSON.parse(body).data.reason])
  }
  const { preferences, messageId } = await somebody()
  const onPage = (reason: string) => ['message.unsubscribed', messageId, reason]
  const drops: [string, string][] = [
    ...shown,
    ['want', 'email/drops'],
    ['want', 'sms/*'],
    ['want', 'sms/news'],
  ]
  await post(preferences, drops)
  await post(preferences, drops)
  expect(await told()).toEqual([onPage('email/news email/*')])
  await world.clock.stepTo(world.clock.now() + 1)
  await post(preferences, [...shown, ['want', 'email/news'], ['want', 'sms/*'], ['want', 'sms/news']])
  expect(await told()).toHaveLength(2)
  const other = await somebody()
  for (let i = 0; i < 2; i++) await post(other.unsubscribe, [['List-Unsubscribe', 'One-Click']])
  expect((await told()).filter(([, id]) => id === other.messageId)).toEqual([
    ['message.unsubscribed', other.messageId, undefined],
  ])
  await world.call('DELETE', `/webhooks/${made.body.webhook.webhookId}`)
})

describe('one-click unsubscribe', () => {
  test('refuses the topic of the message, and its channel where it has none', async () => {
    const { userId, unsubscribe } = await somebody()
    const page = await (await world.get(unsubscribe, { accept: 'text/html' })).text()
    expect(page).toMatch(/no more of News &amp; views here[\s\S]*href="[^"]*\/p\//)
    const answer = await post(unsubscribe, [['List-Unsubscribe', 'One-Click']])
    expect(JSON.parse(answer.text)).toEqual({ unsubscribed: true, topic: 'news', alreadySending: [] })
    expect(await consentsOf(userId)).toEqual({ 'email/news': 'denied' })
    expect(await getsNow(userId)).toEqual(['plain'])
    const [plain] = await mailsOf(userId)
    const headers = JSON.parse(plain!.headers_json) as Record<string, string>
    await post(new URL(headers['List-Unsubscribe']!.slice(1, -1)).pathname, [])
    expect(await consentsOf(userId)).toMatchObject({ email: 'denied' })
  })
})

describe('double opt-in', () => {
  async function subscribe(userId: string) {
    return (
      await world.call<{ state: string; confirmation: { messageId: string } | null }>(
        'PUT',
        `/customers/${userId}/subscriptions/drops/email`,
        { state: 'granted', source: 'sign-up form', ip: '192.0.2.7', textVersion: 'form-2' },
      )
    ).body
  }

  async function confirmLink(userId: string): Promise<string> {
    await world.engine.drain()
    const [mail] = await mailsOf(userId)
    expect(mail).toMatchObject({ subject: 'Confirm New arrivals' })
    return new URL(mail!.text).pathname
  }

  test('a yes counts once it was confirmed by the button; a GET confirms nothing', async () => {
    const { userId } = await somebody()
    expect(await subscribe(userId)).toMatchObject({
      state: 'pending',
      confirmation: { messageId: expect.any(String) },
    })
    const link = await confirmLink(userId)
    expect(await (await world.get(link, { accept: 'text/html' })).text()).toContain('<form method="post">')
    expect(await consentsOf(userId)).toEqual({ 'email/drops': 'pending' })
    expect(await getsNow(userId)).toEqual(['news', 'plain'])
    expect(JSON.parse((await post(link, [])).text)).toEqual({ confirmed: true })
    expect(await getsNow(userId)).toEqual(['news', 'drops', 'plain'])
    expect(JSON.parse((await post(link, [])).text)).toEqual({ confirmed: false })
    const { records } = (
      await world.call<{ records: object[] }>('GET', `/customers/${userId}/consent-records`)
    ).body
    expect(records).toMatchObject([
      {
        state: 'pending',
        source: 'sign-up form',
        ip: '192.0.2.7',
        textVersion: 'form-2',
        actor: 'admin',
      },
      { state: 'granted', source: 'double-opt-in', ip: '127.0.0.1', userAgent: 'Firefox/140', actor: '' },
    ])
  })

  test('however often it is asked, one mail an hour', async () => {
    const { userId } = await somebody()
    const [first, second] = [await subscribe(userId), await subscribe(userId)]
    expect(second.confirmation).toEqual(first.confirmation)
    await confirmLink(userId)
    expect(await mailsOf(userId)).toHaveLength(2)
  })

  test('an old link takes back no later no', async () => {
    const { userId } = await somebody()
    await subscribe(userId)
    const link = await confirmLink(userId)
    await world.call('PUT', `/customers/${userId}/subscriptions/drops/email`, { state: 'denied' })
    expect(JSON.parse((await post(link, [])).text)).toEqual({ confirmed: false })
    expect(await consentsOf(userId)).toEqual({ 'email/drops': 'denied' })
  })

  test('a group or channel that there is not is not found', async () => {
    for (const path of ['drops/sms', 'nothing/email']) {
      const answer = await world.call('PUT', `/customers/u1/subscriptions/${path}`, { state: 'granted' })
      expect(answer.status).toBe(404)
    }
  })
})

test('a topic that becomes opt-in stops at once for those who have not asked for it, also what is queued', async () => {
  const { userId } = await somebody()
  const { worker, sender } = world.engine.roles
  const before = (await mailsOf(userId)).length
  const event = { type: 'track', messageId: 'late', userId, event: 'news' }
  await fetch(`${world.url}/v1/batch`, { method: 'POST', body: JSON.stringify({ batch: [event], writeKey }) })
  while ((await worker.lag()) > 0) await worker.step(0)
  const group =
    '{ id: news, name: News & views, description: Once a week, channels: [email, sms], kind: opt-in }'
  await world.call('POST', '/workspace-file', { yaml: `subscriptionGroups: [${group}]` })
  while ((await sender.step()) > 0) await sender.drain()
  expect(await mailsOf(userId)).toHaveLength(before)
  const { messages } = (await world.call<{ messages: object[] }>('GET', `/customers/${userId}`)).body
  const lapsed = { state: 'lapsed', reason: 'consent:topic_missing' }
  expect(messages).toContainEqual(expect.objectContaining(lapsed))
})
