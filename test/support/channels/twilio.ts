import { harnessOver, type StartHarness } from './harness.ts'
import { commonCases, demand, startHttpVendor } from './http-vendor.ts'

const accountSid = `AC${'0'.repeat(30)}42`
const authToken = '15c1ac1ac1ac1ac1ac1ac1ac1ac1ac15'
/** Parameters of the Message resource (twilio.com/docs/messaging/api/message-resource). */
const parameters = ['To', 'From', 'MessagingServiceSid', 'Body', 'StatusCallback']

export const startHarness: StartHarness = async () => {
  const server = await startHttpVendor({
    faultsOf: ({ method, path, headers, body }) => {
      const form = new URLSearchParams(body)
      const basic = `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString('base64')}`
      return [
        ...demand(
          method === 'POST' && path === `/2010-04-01/Accounts/${accountSid}/Messages.json`,
          `${method} ${path}`,
        ),
        ...demand(headers.authorization === basic, 'authorization'),
        ...demand(headers['content-type'] === 'application/x-www-form-urlencoded', 'content-type'),
        ...[...form.keys()].filter((key) => !parameters.includes(key)).map((key) => `${key} is no parameter`),
        ...demand(form.get('To') === '+12015550123', `To is ${form.get('To')}`),
        ...demand(
          form.has('From') !== form.has('MessagingServiceSid'),
          'From or MessagingServiceSid, one of them',
        ),
        ...demand((form.get('Body') ?? '') !== '' && (form.get('Body') ?? '').length <= 1600, '21617: Body'),
        ...demand(
          /^https:\/\/s\.example\/callbacks\/(one|loud)\/twilio\?/.test(form.get('StatusCallback') ?? ''),
          '21609: StatusCallback is no URL',
        ),
      ]
    },
    keyOf: ({ body }) => {
      const callback = new URLSearchParams(body).get('StatusCallback') ?? ''
      return URL.parse(callback)?.searchParams.get('starling_message') ?? ''
    },
    accepts: (key) => ({
      status: 201,
      body: JSON.stringify({ sid: `SM${key}`, status: 'queued', error_code: null, error_message: null }),
    }),
  })
  const error = (status: number, code: number, message: string) =>
    server.next({
      status,
      body: JSON.stringify({
        code,
        message,
        more_info: `https://www.twilio.com/docs/errors/${code}`,
        status,
      }),
    })
  return harnessOver(server, {
    settings: {
      accountSid,
      authToken,
      from: '+12015550100',
      endpoint: server.url,
    },
    // As a person writes it: it goes out in E.164.
    message: { channel: 'sms', address: '+1 (201) 555-0123', text: 'Hello' },
    cases: [
      ...commonCases(server),
      {
        name: '21610: opted out',
        next: error(400, 21610, 'Attempt to send to unsubscribed recipient'),
        result: {
          kind: 'permanent',
          suppress: true,
          reason: 'twilio_21610: Attempt to send to unsubscribed recipient',
        },
      },
      {
        name: '21211: no number',
        next: error(400, 21211, "The 'To' number +12015550123 is not a valid phone number."),
        result: { kind: 'permanent', suppress: true },
      },
      {
        name: '21614: no mobile number',
        next: error(400, 21614, "'To' number is not a valid mobile number"),
        result: { kind: 'permanent', suppress: true },
      },
      {
        name: '21617: too long',
        next: error(400, 21617, 'The concatenated message body exceeds the 1600 character limit'),
        result: { kind: 'permanent', suppress: false },
      },
      {
        name: '20429: too many',
        next: error(429, 20429, 'Too Many Requests'),
        result: { kind: 'throttled', retryAfterMs: 1000 },
      },
      {
        name: '20003: the credentials',
        next: error(401, 20003, 'Authenticate'),
        result: { kind: 'transient', ofProvider: true },
      },
      {
        name: '21606: a sender that is not ours',
        next: error(
          400,
          21606,
          "The 'From' phone number provided is not a valid message-capable Twilio phone number.",
        ),
        result: { kind: 'transient', ofProvider: true },
      },
      {
        name: 'a number that is none',
        next: () => {},
        message: { address: '12' },
        result: { kind: 'permanent', suppress: true, reason: 'bad_number' },
      },
    ],
  })
}
