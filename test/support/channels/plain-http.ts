import { harnessOver, type StartHarness } from './harness.ts'
import { commonCases, demand, jsonOf, noOthers, startHttpVendor } from './http-vendor.ts'

/** The other end of `outside-channels/plain-http.js`. */
export const startHarness: StartHarness = async () => {
  const server = await startHttpVendor({
    faultsOf: ({ method, path, headers, body }) => [
      ...demand(method === 'POST' && path === '/mails', `${method} ${path}`),
      ...demand(headers.authorization === 'Bearer key-1234', 'authorization'),
      ...noOthers(jsonOf<object>(body), ['to', 'from', 'subject', 'html', 'text'], 'body'),
      ...demand(jsonOf<{ to?: string }>(body).to === 'ann@example.com', 'to'),
    ],
    keyOf: ({ headers }) => String(headers['idempotency-key'] ?? ''),
    accepts: (key) => ({ status: 202, body: JSON.stringify({ id: `p-${key}` }) }),
  })
  return harnessOver(server, {
    settings: { url: `${server.url}/mails`, apiKey: 'key-1234' },
    message: {},
    cases: [
      ...commonCases(server).filter(({ name }) => name !== '503 with Retry-After as a date'),
      { name: '400', next: server.next({ status: 400 }), result: { kind: 'permanent', suppress: false } },
      { name: '410', next: server.next({ status: 410 }), result: { kind: 'permanent', suppress: true } },
    ],
  })
}
