import { harnessOver, type StartHarness } from './harness.ts'
import { commonCases, demand, jsonOf, noAddress, noOthers, startHttpVendor } from './http-vendor.ts'

const apiKey = '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'

interface Body {
  personalizations?: { to?: { email?: string }[] }[]
  from?: { email?: string; name?: string }
  subject?: string
  content?: { type: string; value: string }[]
  headers?: Record<string, string>
  custom_args?: Record<string, string>
  tracking_settings?: Record<string, { enable: boolean }>
}
/** Headers that the API refuses to be given. */
const reserved =
  /^(x-sg-id|x-sg-eid|received|dkim-signature|content-type|content-transfer-encoding|to|from|subject|reply-to|cc|bcc)$/i

/** SendGrid v3, Mail Send (twilio.com/docs/sendgrid/api-reference/mail-send). */
export const startHarness: StartHarness = async () => {
  const server = await startHttpVendor({
    faultsOf: ({ method, path, headers, body: text }) => {
      const body = jsonOf<Body>(text)
      const types = body.content?.map(({ type }) => type) ?? []
      return [
        ...demand(method === 'POST' && path === '/v3/mail/send', `${method} ${path}`),
        ...demand(headers.authorization === `Bearer ${apiKey}`, 'authorization'),
        ...demand(headers['content-type'] === 'application/json', 'content-type'),
        ...noOthers(
          body,
          ['personalizations', 'from', 'subject', 'content', 'headers', 'custom_args', 'tracking_settings'],
          'body',
        ),
        ...demand(
          body.personalizations?.length === 1 && body.personalizations[0]!.to?.length === 1,
          'personalizations',
        ),
        ...demand(body.personalizations?.[0]?.to?.[0]?.email === 'ann@example.com', 'to'),
        ...demand(body.from?.email === 'hello@acme.example' && body.from.name === 'Acme', 'from'),
        ...demand((body.subject ?? '') !== '', 'subject'),
        ...demand(types.join() === 'text/plain,text/html', 'text/plain comes first, then text/html'),
        ...demand(body.content?.every(({ value }) => value !== '') === true, 'content is empty'),
        ...demand(!Object.keys(body.headers ?? {}).some((name) => reserved.test(name)), 'a reserved header'),
        ...demand(
          !Object.values(body.headers ?? {}).some((value) => /[\r\n]/.test(value)),
          'a header of two lines',
        ),
        ...demand(body.headers?.['Message-ID'] !== undefined, 'our headers do not stand'),
        ...demand(body.tracking_settings?.click_tracking?.enable === false, 'links are rewritten twice'),
      ]
    },
    keyOf: ({ body }) => jsonOf<Body>(body).custom_args?.starling_message ?? '',
    accepts: (key) => ({ status: 202, headers: { 'x-message-id': `sg-${key}` }, body: '' }),
  })
  const error = (status: number, message: string, field: string | null = null, headers = {}) =>
    server.next({ status, headers, body: JSON.stringify({ errors: [{ message, field, help: null }] }) })
  return harnessOver(server, {
    settings: { apiKey, endpoint: server.url },
    message: {},
    cases: [
      ...commonCases(server),
      {
        name: '400: the body',
        next: error(400, 'The subject is required.', 'subject'),
        result: {
          kind: 'permanent',
          suppress: false,
          reason: 'sendgrid_400: subject The subject is required.',
        },
      },
      { name: '413', next: error(413, 'Payload too large'), result: { kind: 'permanent' } },
      {
        name: '401: the key',
        next: error(401, 'The provided authorization grant is invalid, expired, or revoked'),
        result: { kind: 'transient', ofProvider: true },
      },
      {
        name: '429 that says when the rate begins anew',
        // The suite's clock stands at 2026-01-01T00:00:00Z.
        next: error(429, 'too many requests', null, { 'x-ratelimit-reset': '1767225645' }),
        result: { kind: 'throttled', retryAfterMs: 45_000 },
      },
      noAddress,
    ],
  })
}
