import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from 'node:http2'

export type ApnsOutcome =
  | { kind: 'answer'; status: number; headers: IncomingHttpHeaders; body: string }
  /** `written`: the service may have it. */
  | { kind: 'failed'; written: boolean; reason: string }

export interface ApnsClient {
  post(path: string, headers: Record<string, string>, body: string): Promise<ApnsOutcome>
  close(): Promise<void>
}

const connectTimeoutMs = 10_000
const bodyBytesMax = 4096

/**
 * One HTTP/2 connection, as Apple asks for: opened with the first message and again when it ends. What was on it
 * when it ended is unknown, except what the service says it has not looked at.
 */
export function createApnsClient(options: { endpoint: string; answerTimeoutMs: number }): ApnsClient {
  let session: Promise<ClientHttp2Session | string> | null = null
  let closed = false

  const open = (): Promise<ClientHttp2Session | string> => {
    const made = connect(options.endpoint)
    const opening = new Promise<ClientHttp2Session | string>((resolve) => {
      const timer = setTimeout(() => made.destroy(new Error('no connection in time')), connectTimeoutMs)
      made.once('connect', () => {
        clearTimeout(timer)
        // An idle connection keeps no process alive; a message on its way does.
        made.unref()
        resolve(made)
      })
      made.on('error', (error: Error & { code?: string }) => {
        clearTimeout(timer)
        resolve(`${error.code ?? ''} ${error.message}`.trim())
      })
    })
    const forget = (): void => {
      if (session === opening) session = null
    }
    made.on('error', forget)
    made.on('close', forget)
    // After it no new message is taken; those before it may still be answered.
    made.on('goaway', forget)
    return opening
  }

  return {
    async post(path, headers, body) {
      if (closed) return { kind: 'failed', written: false, reason: 'closed' }
      session ??= open()
      const own = await session
      if (typeof own === 'string') return { kind: 'failed', written: false, reason: own }
      if (own.closed || own.destroyed) return { kind: 'failed', written: false, reason: 'connection closed' }
      return exchange(own, { path, headers, body }, options.answerTimeoutMs)
    },
    async close() {
      closed = true
      const own = await session
      if (own !== null && typeof own !== 'string') own.destroy()
    },
  }
}

function exchange(
  session: ClientHttp2Session,
  { path, headers, body }: { path: string; headers: Record<string, string>; body: string },
  answerTimeoutMs: number,
): Promise<ApnsOutcome> {
  return new Promise((resolve) => {
    session.ref()
    const stream = session.request({ ':method': 'POST', ':path': path, ...headers })
    let answer: IncomingHttpHeaders | null = null
    let text = ''
    let reason = 'the stream ended without an answer'
    // Before the stream has a number it waits for its turn: nothing of it has left.
    const wasWritten = (): boolean => !stream.pending && stream.rstCode !== constants.NGHTTP2_REFUSED_STREAM
    const timer = setTimeout(() => {
      reason = 'no answer in time'
      stream.close(constants.NGHTTP2_CANCEL)
      // Whatever is wrong with this connection, the next message gets another one.
      session.close()
    }, answerTimeoutMs)
    stream.setEncoding('utf8')
    stream.on('response', (given) => {
      answer = given
    })
    stream.on('data', (chunk: string) => {
      if (text.length < bodyBytesMax) text += chunk
    })
    stream.on('error', (error: Error & { code?: string }) => {
      reason = `${error.code ?? ''} ${error.message}`.trim()
    })
    stream.on('close', () => {
      clearTimeout(timer)
      if (!session.destroyed) session.unref()
      // A refusal is one whatever became of its text; of a success the status is all there is.
      if (answer !== null) {
        resolve({ kind: 'answer', status: Number(answer[':status']), headers: answer, body: text })
      } else {
        resolve({ kind: 'failed', written: wasWritten(), reason })
      }
    })
    stream.end(body)
  })
}
