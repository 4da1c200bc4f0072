/**
 * A channel of somebody else's, as it stands in a folder outside the package: plain JavaScript that gets what
 * it needs. Mail to a service that takes JSON and honours an idempotency key.
 */
export const channel = ({ z, secret }) => ({
  kind: 'plain-http',
  channel: 'email',
  reaches: 'people',
  limits: { subjectCharactersMax: 200, payloadBytesMax: 1_000_000 },
  settings: z.strictObject({
    url: z.url(),
    apiKey: secret(),
    answerTimeoutMs: z.number().int().min(1).default(10_000),
  }),
  resends: true,
  open({ url, apiKey, answerTimeoutMs }) {
    let closed = false
    return {
      async send(message) {
        if (closed) return { kind: 'transient', reason: 'closed' }
        if (!/^[^\s@<>,]+@[^\s@<>,]+$/.test(message.address))
          return { kind: 'permanent', reason: 'bad_address', suppress: true }
        return await post(message, { url, apiKey, answerTimeoutMs })
      },
      async close() {
        closed = true
      },
    }
  },
})

async function post(message, { url, apiKey, answerTimeoutMs }) {
  const { address: to, from, subject, html, text } = message
  let answer
  try {
    answer = await fetch(url, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${apiKey.reveal()}`,
        'content-type': 'application/json',
        'idempotency-key': message.idempotencyKey,
      },
      body: JSON.stringify({ to, from, subject, html, text }),
      signal: AbortSignal.timeout(answerTimeoutMs),
    })
    if (answer.ok) return { kind: 'sent', providerMessageId: (await answer.json()).id }
    await answer.body?.cancel()
  } catch (error) {
    const code = error.cause?.code ?? error.name
    // Refused before anything was written: nobody got it. Otherwise it may have been taken.
    return ['ECONNREFUSED', 'ENOTFOUND'].includes(code)
      ? { kind: 'transient', reason: `unreachable: ${code}` }
      : { kind: 'unknown', reason: `no_answer: ${code}` }
  }
  return refused(answer)
}

function refused({ status, headers }) {
  const retryAfterMs = Number(headers.get('retry-after') ?? 1) * 1000
  const reason = `http_${status}`
  if (status === 429) return { kind: 'throttled', retryAfterMs }
  if (status === 401 || status === 402 || status === 403)
    return { kind: 'transient', reason, ofProvider: true }
  if (status >= 500) return { kind: 'transient', reason, retryAfterMs }
  return { kind: 'permanent', reason, suppress: status === 410 }
}
