import { Webhook } from 'standardwebhooks'
import { harnessOver, type StartHarness } from './harness.ts'
import { commonCases, demand, jsonOf, startHttpVendor } from './http-vendor.ts'

const secret = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD'

/** A receiver of Standard Webhooks that verifies with the standard's own library. */
export const startHarness: StartHarness = async () => {
  const server = await startHttpVendor({
    faultsOf: ({ method, path, headers, body }) => {
      const fields = jsonOf<Record<string, unknown>>(body)
      return [
        ...demand(method === 'POST' && path === '/hook?x=1', `${method} ${path}`),
        ...demand(headers['content-type'] === 'application/json', 'content-type'),
        ...demand(isSigned(body, headers as Record<string, string>), 'the signature does not verify'),
        ...demand(fields.messageId === headers['webhook-id'], 'the id is another'),
        ...demand(fields.customerId === 'ann' && typeof fields.data === 'object', 'the body lacks something'),
      ]
    },
    keyOf: ({ headers }) => String(headers['webhook-id'] ?? ''),
    accepts: () => ({ status: 204 }),
  })
  return harnessOver(server, {
    settings: { secret, url: `${server.url}/hook?x=1`, privateHosts: true },
    message: { channel: 'webhook', address: 'ann', data: { plan: 'pro' } },
    never: { suppress: 'all messages go to one address, which is the operator’s' },
    cases: [
      ...commonCases(server),
      ...[400, 401, 404, 410, 422].map((status) => ({
        name: String(status),
        next: server.next({ status }),
        result: { kind: 'permanent' as const, suppress: false },
      })),
      { name: '429', next: server.next({ status: 429 }), result: { kind: 'throttled' } },
      {
        name: 'a redirect, which is not followed',
        next: server.next({ status: 302, headers: { location: `${server.url}/hook?x=1` } }),
        result: { kind: 'transient' },
      },
    ],
  })
}

/** The library compares the time with the machine's clock; the suite's stands still: sign again for that. */
function isSigned(body: string, headers: Record<string, string>): boolean {
  const at = new Date(Number(headers['webhook-timestamp']) * 1000)
  const expected = new Webhook(secret).sign(headers['webhook-id'] ?? '', at, body)
  return at.getTime() === Date.UTC(2026, 0, 1) && headers['webhook-signature'] === expected
}
