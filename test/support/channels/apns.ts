import { generateKeyPairSync, verify } from 'node:crypto'
import { type Call, commonCases, demand, type Reply, startLoopback } from '../push/loopback.ts'
import { harnessOver, type StartHarness } from './harness.ts'

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const token = 'ab'.repeat(32)
const now = Date.UTC(2026, 0, 1)

/** Apple's push service over HTTP/2, as its documentation has it. */
export const startHarness: StartHarness = async () => {
  const server = await startLoopback({
    http2: true,
    faultsOf,
    keyOf: ({ body }) => JSON.parse(body.toString()).messageId,
    accepts: ({ headers }) => ({ status: 200, headers: { 'apns-id': String(headers['apns-id']) } }),
  })
  const permanent = { kind: 'permanent' as const, suppress: false }
  const gone = { ...permanent, endpointGone: true as const }
  const cases: [number, string, object][] = [
    [410, 'Unregistered', gone],
    [400, 'BadDeviceToken', gone],
    [400, 'DeviceTokenNotForTopic', permanent],
    [413, 'PayloadTooLarge', permanent],
    [403, 'ExpiredProviderToken', { kind: 'transient' }],
    [403, 'InvalidProviderToken', { kind: 'transient', ofProvider: true }],
    [400, 'TopicDisallowed', { kind: 'transient', ofProvider: true }],
    [503, 'Shutdown', { kind: 'transient' }],
  ]
  return harnessOver(server, {
    settings: {
      teamId: 'TEAM123456',
      keyId: 'KEY1234567',
      privateKey: ec.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      topic: 'example.acme.shop',
      endpoint: server.url,
    },
    message: { channel: 'push' as const, address: `apns:${token}`, data: { cart: 3 } },
    never: { suppress: 'a token that is gone is removed: the customer may have other devices' },
    cases: [
      ...commonCases(server),
      ...cases.map(([status, reason, result]) => ({
        name: reason,
        next: server.next(refusal(status, reason)),
        result: result as { kind: 'permanent' },
      })),
    ],
  })
}

function refusal(status: number, reason: string): Reply {
  return { status, body: JSON.stringify({ reason }) }
}

function faultsOf({ method, path, headers, body }: Call): string[] {
  const payload = JSON.parse(body.toString())
  return [
    ...demand(method === 'POST' && path === `/3/device/${token}`, `${method} ${path}`),
    ...demand(headers['apns-topic'] === 'example.acme.shop', 'apns-topic'),
    ...demand(headers['apns-push-type'] === 'alert', 'apns-push-type'),
    ...demand(headers['apns-priority'] === '10', 'apns-priority'),
    ...demand(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(String(headers['apns-id'])), 'apns-id'),
    ...demand(String(headers['apns-collapse-id']).length <= 64, 'apns-collapse-id'),
    ...demand(/^\d+$/.test(String(headers['apns-expiration'])), 'apns-expiration'),
    ...demand(body.length <= 4096, `${body.length} bytes`),
    ...demand(typeof payload.aps?.alert?.title === 'string', 'aps.alert.title'),
    ...tokenFaults(String(headers.authorization)),
  ]
}

/** Apple's "Establishing a token-based connection": ES256, kid, iss, iat within the hour. */
function tokenFaults(authorization: string): string[] {
  const match = /^bearer ([\w-]+)\.([\w-]+)\.([\w-]+)$/.exec(authorization)
  if (match === null) return ['authorization']
  const [, head = '', payload = '', signature = ''] = match
  const header = JSON.parse(Buffer.from(head, 'base64url').toString())
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
  const isSigned = verify(
    'sha256',
    Buffer.from(`${head}.${payload}`),
    { key: ec.publicKey, dsaEncoding: 'ieee-p1363' },
    Buffer.from(signature, 'base64url'),
  )
  return [
    ...demand(isSigned, 'signature'),
    ...demand(header.alg === 'ES256' && header.kid === 'KEY1234567', 'header'),
    ...demand(claims.iss === 'TEAM123456' && Math.abs(claims.iat - now / 1000) < 3600, 'claims'),
  ]
}
