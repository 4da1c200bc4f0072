import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { providerSchema } from '#contracts/provider.ts'
import type { CallbackRequest, CallbackTools } from '../../src/action/callback-file.ts'
import { callbackFiles, loadCallbacks } from '../../src/action/load-callbacks.ts'
import { messageId, snsRequest, snsTools, topicArn, vendors } from './callbacks/vendors.ts'

const files = await callbackFiles()
const now = Date.now()
const week = 7 * 86_400_000

describe.each(files)('$vendor', (file) => {
  const vendor = vendors[file.vendor]!
  const settings = file.settings.parse(vendor.settings)
  const toolsAt = (at: number): CallbackTools => ({
    now: at,
    fetch: async () => ({ ok: false, text: async () => '' }),
    ...vendor.tools,
  })
  const ours = async (request: CallbackRequest, at = now) =>
    (await file.verify(request, settings, toolsAt(at))).kind

  test('what its own verifier accepts is accepted', async () => {
    const request = vendor.signed(vendor.event, now)
    expect([await vendor.theirs(request), await ours(request)]).toEqual([true, 'verified'])
  })

  test('what was changed on its way is refused by both', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.integer({ min: 0, max: 7 }), async (position, bit) => {
        const flip = (bytes: Buffer): Buffer => {
          const flipped = Buffer.from(bytes)
          flipped[position % bytes.length]! ^= 1 << bit
          return flipped
        }
        for (const changed of vendor.changed(vendor.signed(vendor.event, now), flip)) {
          const theirs = await vendor.theirs(changed)
          // Of a form both see what it says: another spelling of the same is the same. SendGrid's verifier
          // also takes another spelling of the signature (spare bits of its base64), and ours does not.
          if (theirs) expect(['twilio', 'sendgrid']).toContain(file.vendor)
          expect(await ours(changed)).toBe(theirs && file.vendor === 'twilio' ? 'verified' : 'bad-signature')
        }
      }),
      { numRuns: 8 },
    )
  })

  test('signed with nothing, or with another key, it is refused', async () => {
    const request = vendor.signed(vendor.event, now)
    expect(
      await ours({ ...request, headers: { 'content-type': 'application/json' }, body: Buffer.alloc(0) }),
    ).toBe('bad-signature')
    const another: Record<string, unknown> = {
      authToken: 'another-token-of-another-account',
      secret: 'whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldY',
      signingKey: 'another-key',
      topicArn: `${topicArn}-of-another`,
    }
    const own = Object.keys(vendor.settings)[0]!
    if (!(own in another)) return
    const others = file.settings.parse({ [own]: another[own] })
    expect((await file.verify(request, others, toolsAt(now))).kind).toBe('bad-signature')
  })

  test('signed long ago, or far ahead, it is stale', async () => {
    // Twilio signs no time: there the message's id and state say what was told before.
    if (file.vendor === 'twilio') return
    const request = vendor.signed(vendor.event, now)
    expect(await ours(request, now + week)).toBe('stale')
    expect(await ours(request, now - week)).toBe('stale')
  })

  test('names our message and a bounce of its address, with an id of its own', () => {
    if (file.vendor === 'twilio') return
    const facts = file.parse(vendor.signed(vendor.event, now), settings)
    expect(facts).toMatchObject([{ kind: 'hard-bounce', messageId, address: 'ann@example.com' }])
    expect(facts?.[0]?.id).not.toBe('')
    expect(facts?.[0]?.reason).toContain('no such user')
  })

  test('anything at all is read without a fault', () =>
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
        const request = {
          body: Buffer.from(text),
          headers: {},
          url: 'https://starling.example/callbacks/a/b',
        }
        const facts = file.parse(request, settings)
        expect(facts === null || Array.isArray(facts)).toBe(true)
        file.answer?.(request, settings)
      }),
      { numRuns: 100 },
    ))

  test('its settings are strict, and a fault names them', async () => {
    const provider = (callbacks: object, settings = {}) =>
      providerSchema.parse({ id: 'shop', kind: 'smtp', settings, callbacks })
    const { vendor: name } = file
    expect(
      await loadCallbacks([provider({ vendor: name, ...vendor.settings, colour: 'red' })]),
    ).toMatchObject({
      kind: 'faults',
      faults: [expect.stringMatching(/^providers: shop: callbacks.*colour/)],
    })
    expect(await loadCallbacks([provider({ vendor: name }, { ...vendor.settings, url: 'x' })])).toMatchObject(
      {
        kind: 'loaded',
        providers: new Map([['shop', expect.objectContaining({ id: 'shop' })]]),
      },
    )
    expect(await loadCallbacks([providerSchema.parse({ id: 'shop', kind: name })])).toEqual({
      kind: 'loaded',
      providers: new Map(),
    })
  })
})

test('an example with its answer by another program: openssl dgst -sha256 -hmac', async () => {
  const mailgun = files.find(({ vendor }) => vendor === 'mailgun')!
  const signature = {
    timestamp: '1529006854',
    token: 'a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0',
    signature: '4f278cfdfd969128677e6f1051422edd1f4badf9074940892d4cda93d08861d6',
  }
  const body = Buffer.from(JSON.stringify({ signature, 'event-data': {} }))
  const tools = { now: 1_529_006_860_000, fetch: async () => ({ ok: false, text: async () => '' }) }
  const settings = { signingKey: 'key-of-the-webhook' }
  expect(await mailgun.verify({ body, headers: {}, url: '' }, settings, tools)).toEqual({ kind: 'verified' })
})

test('SendGrid’s own example is verified', async () => {
  const sendgrid = files.find(({ vendor }) => vendor === 'sendgrid')!
  const settings = sendgrid.settings.parse({
    publicKey:
      'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==',
  })
  const body = Buffer.from(
    `${JSON.stringify([
      {
        email: 'hello@world.com',
        event: 'dropped',
        reason: 'Bounced Address',
        sg_event_id: 'ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA',
        sg_message_id: 'LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0',
        'smtp-id': '<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>',
        timestamp: 1_600_112_492,
      },
    ])}\r\n`,
  )
  const headers = {
    'x-twilio-email-event-webhook-signature':
      'MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=',
    'x-twilio-email-event-webhook-timestamp': '1600112502',
  }
  const tools = { now: 1_600_112_510_000, fetch: async () => ({ ok: false, text: async () => '' }) }
  expect(await sendgrid.verify({ body, headers, url: '' }, settings, tools)).toEqual({ kind: 'verified' })
  const cut = body.subarray(0, -2)
  expect((await sendgrid.verify({ body: cut, headers, url: '' }, settings, tools)).kind).toBe('bad-signature')
})

describe('SNS', () => {
  const ses = files.find(({ vendor }) => vendor === 'ses')!
  const settings = { topicArn }
  const confirmation = {
    Type: 'SubscriptionConfirmation',
    MessageId: '165545c9-2a5c-472c-8df2-7ff2be2b3b1b',
    Token: '2336412f37f',
    TopicArn: topicArn,
    Message: 'You have chosen to subscribe',
    SubscribeURL: 'https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription',
    Timestamp: new Date(now).toISOString(),
  }
  const followed: string[] = []
  const tools: CallbackTools = {
    now,
    fetch: async (url) => {
      followed.push(url)
      return (await snsTools.fetch?.(url)) ?? { ok: false, text: async () => '' }
    },
  }

  test.each(['1', '2'] as const)('signatures of version %s are known', async (version) => {
    expect((await ses.verify(snsRequest(confirmation, version), settings, tools)).kind).toBe('verified')
  })

  test('a subscription is confirmed where Amazon’s address says, and nowhere else', async () => {
    followed.length = 0
    expect(await ses.confirm?.(snsRequest(confirmation), tools)).toBe(true)
    expect(followed).toEqual([confirmation.SubscribeURL])
    const elsewhere = snsRequest({ ...confirmation, SubscribeURL: 'http://169.254.169.254/latest/meta-data' })
    expect(await ses.confirm?.(elsewhere, tools)).toBe(false)
    expect(followed).toHaveLength(1)
  })

  test.each([
    'https://sns.eu-west-1.amazonaws.com.evil.example/x.pem',
    'https://evil.example/sns.eu-west-1.amazonaws.com/x.pem',
    'http://sns.eu-west-1.amazonaws.com/x.pem',
    'https://sns.eu-west-1.amazonaws.com@evil.example/x.pem',
    'https://snsXeu-west-1.amazonaws.com/x.pem',
    'https://sns.eu-west-1.amazonaws.com/x.html',
    'file:///etc/passwd',
    '',
  ])('a certificate at %s is not fetched', async (SigningCertURL) => {
    followed.length = 0
    const verdict = await ses.verify(snsRequest({ ...confirmation, SigningCertURL }), settings, tools)
    expect([verdict.kind, followed]).toEqual(['bad-signature', []])
  })

  test('a certificate that cannot be had now is asked for again', async () => {
    const SigningCertURL = 'https://sns.eu-west-1.amazonaws.com/another.pem'
    const away = { now, fetch: () => Promise.reject(new Error('away')) }
    const verdict = await ses.verify(snsRequest({ ...confirmation, SigningCertURL }), settings, away)
    expect(verdict.kind).toBe('unavailable')
  })
})

test('every vendor has a harness', () => {
  expect(files.map(({ vendor }) => vendor)).toEqual(Object.keys(vendors).sort())
})
