import { generateKeyPairSync } from 'node:crypto'
import { jwtVerify } from 'jose'
import { type Call, commonCases, demand, type Reply, startLoopback } from '../push/loopback.ts'
import { harnessOver, type StartHarness } from './harness.ts'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const email = 'pusher@acme.iam.gserviceaccount.com'
/** The contract suite's machine clock. */
const now = Date.UTC(2026, 0, 1)

/** Google's OAuth and FCM's HTTP v1 API, as their documentation has them. */
export const startHarness: StartHarness = async () => {
  let tokens = 0
  const server = await startLoopback({
    beside: async (call) => (call.path === '/token' ? exchange(call, `${server.url}/token`, ++tokens) : null),
    faultsOf: (call) => faultsOf(call, tokens),
    keyOf: ({ body }) => JSON.parse(body.toString()).message.data.messageId,
    accepts: (_call, key) => ({
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: `projects/acme-1/messages/${key}` }),
    }),
  })
  return harnessOver(server, {
    settings: {
      projectId: 'acme-1',
      clientEmail: email,
      privateKey: rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      endpoint: server.url,
      oauthUrl: `${server.url}/token`,
    },
    message: { channel: 'push' as const, address: 'fcm:dev:APA91b-token', data: { cart: 3 } },
    never: { suppress: 'a token that is gone is removed: the customer may have other devices' },
    cases: [
      ...commonCases(server),
      {
        name: 'UNREGISTERED',
        next: server.next(refusal(404, 'NOT_FOUND', 'UNREGISTERED')),
        result: { kind: 'permanent' as const, suppress: false, endpointGone: true as const },
      },
      {
        name: 'INVALID_ARGUMENT of the token',
        next: server.next(refusal(400, 'INVALID_ARGUMENT', 'INVALID_ARGUMENT', 'message.token')),
        result: { kind: 'permanent' as const, suppress: false, endpointGone: true as const },
      },
      {
        name: 'INVALID_ARGUMENT',
        next: server.next(refusal(400, 'INVALID_ARGUMENT', 'INVALID_ARGUMENT', 'message.data')),
        result: { kind: 'permanent' as const, suppress: false },
      },
      {
        name: 'SENDER_ID_MISMATCH',
        next: server.next(refusal(403, 'PERMISSION_DENIED', 'SENDER_ID_MISMATCH')),
        result: { kind: 'permanent' as const, suppress: false },
      },
      {
        name: 'QUOTA_EXCEEDED',
        next: server.next(refusal(429, 'RESOURCE_EXHAUSTED', 'QUOTA_EXCEEDED')),
        result: { kind: 'throttled' as const, retryAfterMs: 60_000 },
      },
      {
        name: 'UNAVAILABLE',
        next: server.next({
          ...refusal(503, 'UNAVAILABLE', 'UNAVAILABLE'),
          headers: { 'retry-after': '30' },
        }),
        result: { kind: 'transient' as const, retryAfterMs: 30_000 },
      },
      {
        name: 'a project that is not there',
        next: server.next(refusal(404, 'NOT_FOUND', '')),
        result: { kind: 'transient' as const, ofProvider: true as const },
      },
      {
        name: '401: the access token is no longer good',
        next: server.next(refusal(401, 'UNAUTHENTICATED', '')),
        result: { kind: 'transient' as const, ofProvider: true as const },
      },
    ],
  })
}

function refusal(status: number, word: string, code: string, field?: string): Reply {
  const details = [
    ...(code === ''
      ? []
      : [{ '@type': 'type.googleapis.com/google.firebase.fcm.v1.FcmError', errorCode: code }]),
    ...(field === undefined
      ? []
      : [{ '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations: [{ field }] }]),
  ]
  return {
    status,
    body: JSON.stringify({ error: { code: status, status: word, message: `It is ${word}.`, details } }),
  }
}

/** RFC 7523, 2.1: what the assertion must say. */
async function exchange({ method, headers, body }: Call, audience: string, count: number): Promise<Reply> {
  const form = new URLSearchParams(body.toString())
  const isForm = headers['content-type'] === 'application/x-www-form-urlencoded'
  const { payload } = await jwtVerify(form.get('assertion') ?? '', rsa.publicKey, {
    algorithms: ['RS256'],
    audience,
    issuer: email,
    currentDate: new Date(now),
  })
  const isRight =
    method === 'POST' &&
    isForm &&
    form.get('grant_type') === 'urn:ietf:params:oauth:grant-type:jwt-bearer' &&
    payload.scope === 'https://www.googleapis.com/auth/firebase.messaging' &&
    payload.exp! - payload.iat! <= 3600
  if (!isRight) return { status: 400, body: JSON.stringify({ error: 'invalid_grant' }) }
  return {
    status: 200,
    body: JSON.stringify({ access_token: `ya29.${count}`, expires_in: 3599, token_type: 'Bearer' }),
  }
}

function faultsOf({ method, path, headers, body }: Call, tokens: number): string[] {
  const { message, ...rest } = JSON.parse(body.toString())
  const { token, notification, data, android, apns, webpush, ...others } = message
  return [
    ...demand(method === 'POST' && path === '/v1/projects/acme-1/messages:send', `${method} ${path}`),
    ...demand(headers['content-type'] === 'application/json', 'content-type'),
    // One that was given, by the process or by a channel opened beside it.
    ...demand(/^Bearer ya29\.\d+$/.test(String(headers.authorization)) && tokens > 0, 'authorization'),
    ...demand(Object.keys(rest).length === 0, `fields beside message: ${Object.keys(rest)}`),
    ...demand(Object.keys(others).length === 0, `fields of message: ${Object.keys(others)}`),
    ...demand(token === 'dev:APA91b-token', `token ${token}`),
    ...demand(
      Object.keys(notification).every((key) => key === 'title' || key === 'body'),
      'notification',
    ),
    ...demand(
      Object.values(data).every((value) => typeof value === 'string'),
      'data is a map of texts',
    ),
    ...demand(/^\d+s$/.test(android.ttl) && android.priority === 'HIGH', 'android'),
    ...demand(apns.headers['apns-collapse-id'].length <= 64, 'apns'),
    ...demand(/^\d+$/.test(webpush.headers.TTL), 'webpush'),
  ]
}
