import { harnessOver, type StartHarness } from './harness.ts'
import { commonCases, demand, jsonOf, noAddress, noOthers, startHttpVendor } from './http-vendor.ts'

const apiKey = 're_123456789_abcdefghijklmnop'

interface Body {
  from?: string
  to?: string[]
  subject?: string
  html?: string
  text?: string
  headers?: Record<string, string>
  tags?: { name: string; value: string }[]
}

/** Resend, Send Email (resend.com/docs/api-reference/emails/send-email). */
export const startHarness: StartHarness = async () => {
  const server = await startHttpVendor({
    faultsOf: ({ method, path, headers, body: text }) => {
      const body = jsonOf<Body>(text)
      const key = String(headers['idempotency-key'] ?? '')
      return [
        ...demand(method === 'POST' && path === '/emails', `${method} ${path}`),
        ...demand(headers.authorization === `Bearer ${apiKey}`, 'authorization'),
        ...demand(headers['content-type'] === 'application/json', 'content-type'),
        // "Requests without a User-Agent header will be rejected with a 403."
        ...demand((headers['user-agent'] ?? '') !== '', 'no user-agent'),
        ...demand(key.length >= 1 && key.length <= 256, 'invalid_idempotency_key'),
        ...noOthers(body, ['from', 'to', 'subject', 'html', 'text', 'headers', 'tags'], 'body'),
        ...demand(/^Acme <hello@acme\.example>$/.test(body.from ?? ''), 'from'),
        ...demand(body.to?.join() === 'ann@example.com', 'to'),
        ...demand(
          (body.subject ?? '') !== '' && (body.html ?? '') !== '' && (body.text ?? '') !== '',
          'content',
        ),
        ...demand(body.headers?.['Message-ID'] !== undefined, 'our headers do not stand'),
        // "ASCII letters, numbers, underscores, or dashes", at most 256 characters.
        ...demand(
          (body.tags ?? []).every(
            ({ name, value }) => /^[\w-]{1,256}$/.test(name) && /^[\w-]{1,256}$/.test(value),
          ),
          'tags',
        ),
      ]
    },
    keyOf: ({ headers }) => String(headers['idempotency-key'] ?? ''),
    accepts: (key) => ({ status: 200, body: JSON.stringify({ id: `re-${key}` }) }),
  })
  const error = (statusCode: number, name: string, message: string) =>
    server.next({ status: statusCode, body: JSON.stringify({ statusCode, name, message }) })
  return harnessOver(server, {
    settings: { apiKey, endpoint: server.url },
    message: {},
    cases: [
      ...commonCases(server),
      {
        name: 'validation_error',
        next: error(422, 'validation_error', 'Invalid `to` field.'),
        result: {
          kind: 'permanent',
          suppress: false,
          reason: 'resend_422: validation_error Invalid `to` field.',
        },
      },
      {
        name: 'invalid_api_key',
        next: error(403, 'invalid_api_key', 'API key is invalid.'),
        result: { kind: 'transient', ofProvider: true },
      },
      {
        name: 'rate_limit_exceeded',
        next: error(429, 'rate_limit_exceeded', 'Too many requests.'),
        result: { kind: 'throttled', retryAfterMs: 1000 },
      },
      {
        name: 'daily_quota_exceeded',
        next: error(429, 'daily_quota_exceeded', 'You have reached your daily email sending quota.'),
        result: { kind: 'throttled', retryAfterMs: 3_600_000 },
      },
      {
        name: 'concurrent_idempotent_requests',
        next: error(
          409,
          'concurrent_idempotent_requests',
          'Same idempotency key used while original request is in progress.',
        ),
        result: { kind: 'transient', retryAfterMs: 5000 },
      },
      {
        name: 'invalid_idempotent_request: taken before, with other content',
        next: error(
          409,
          'invalid_idempotent_request',
          'Same idempotency key used with a different request payload.',
        ),
        result: { kind: 'unknown' },
      },
      noAddress,
    ],
  })
}
