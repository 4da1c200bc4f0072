import { createPublicKey, verify } from 'node:crypto'
import webPush from 'web-push'
import { decryptPush, makeBrowserKeys } from '../push/browser-side.ts'
import { type Call, commonCases, demand, startLoopback } from '../push/loopback.ts'
import { harnessOver, type StartHarness } from './harness.ts'

/** A push service as RFC 8030 and RFC 8292 have it; the browser behind it decrypts what it is given. */
export const startHarness: StartHarness = async () => {
  const vapid = webPush.generateVAPIDKeys()
  const browser = makeBrowserKeys()
  const server = await startLoopback({
    faultsOf: (call) => faultsOf(call, server.url, vapid.publicKey),
    // What the browser shows: only the right keys get there.
    keyOf: ({ body }) => JSON.parse(decryptPush(body, browser).toString()).messageId,
    accepts: (_call, key) => ({ status: 201, headers: { location: `${server.url}/m/${key}` } }),
  })
  const subscription = `${server.url}/push/abc`
  const keys = `${browser.publicKey.toString('base64url')}.${browser.auth.toString('base64url')}`
  return harnessOver(server, {
    settings: {
      subject: 'mailto:push@acme.example',
      privateKey: vapid.privateKey,
      services: [new URL(server.url).host],
      plain: true,
    },
    message: { channel: 'push' as const, address: `web-push:${subscription}#${keys}` },
    never: { suppress: 'an endpoint that is gone is removed: the customer may have others' },
    cases: [
      ...commonCases(server),
      ...[404, 410].map((status) => ({
        name: `${status}: the subscription is gone`,
        next: server.next({ status }),
        result: { kind: 'permanent' as const, suppress: false, endpointGone: true as const },
      })),
      {
        name: '413: too large',
        next: server.next({ status: 413 }),
        result: { kind: 'permanent' as const, suppress: false, reason: 'payload_too_large' },
      },
      {
        name: '403: our VAPID key is not the one subscribed with',
        next: server.next({ status: 403 }),
        result: { kind: 'transient' as const, ofProvider: true as const },
      },
      {
        name: 'a host that is no push service',
        next() {},
        message: { address: `web-push:http://127.0.0.1:1/x#${keys}` },
        result: { kind: 'permanent' as const, suppress: false },
      },
    ],
  })
}

function faultsOf({ method, path, headers, body }: Call, origin: string, publicKey: string): string[] {
  return [
    ...demand(method === 'POST' && path === '/push/abc', `${method} ${path}`),
    ...demand(headers['content-encoding'] === 'aes128gcm', 'content-encoding'),
    ...demand(headers['content-type'] === 'application/octet-stream', 'content-type'),
    ...demand(/^\d+$/.test(String(headers.ttl)) && Number(headers.ttl) <= 2_419_200, `ttl ${headers.ttl}`),
    ...demand(/^(very-low|low|normal|high)$/.test(String(headers.urgency)), `urgency ${headers.urgency}`),
    ...demand(/^[\w-]{1,32}$/.test(String(headers.topic)), `topic ${headers.topic}`),
    ...demand(body.length <= 4096, `${body.length} bytes`),
    ...vapidFaults(String(headers.authorization), origin, publicKey),
  ]
}

/** RFC 8292, 2 and 3: checked with the platform's own signatures, not with the package that made it. */
function vapidFaults(authorization: string, origin: string, publicKey: string): string[] {
  const match = /^vapid t=([\w-]+)\.([\w-]+)\.([\w-]+), k=([\w-]+)$/.exec(authorization)
  if (match === null) return ['authorization']
  const [, header = '', payload = '', signature = '', key = ''] = match
  const point = Buffer.from(key, 'base64url')
  const jwk = {
    kty: 'EC',
    crv: 'P-256',
    x: point.subarray(1, 33).toString('base64url'),
    y: point.subarray(33).toString('base64url'),
  }
  const isSigned = verify(
    'sha256',
    Buffer.from(`${header}.${payload}`),
    { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' },
    Buffer.from(signature, 'base64url'),
  )
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
  const secondsLeft = claims.exp - Date.now() / 1000
  return [
    ...demand(isSigned, 'vapid signature'),
    ...demand(key === publicKey, 'vapid key'),
    ...demand(claims.aud === origin, `vapid aud ${claims.aud}`),
    ...demand(secondsLeft > 0 && secondsLeft <= 86_400, 'vapid exp'),
    ...demand(claims.sub === 'mailto:push@acme.example', 'vapid sub'),
  ]
}
