import {
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { isPrivateAddress, lookUpPublic } from './private-address.ts'

export interface HttpCall {
  url: string
  headers: Record<string, string>
  /** Sent by POST. */
  body: string | Buffer
}

export type HttpOutcome =
  /** `whole`: false where the connection ended before the answer did. */
  | { kind: 'answer'; status: number; headers: IncomingHttpHeaders; body: string; whole: boolean }
  /** `written`: the server may have got the request, so it may have acted on it. */
  | { kind: 'failed'; written: boolean; reason: string }

export interface HttpClient {
  post(call: HttpCall): Promise<HttpOutcome>
  close(): Promise<void>
}

export interface HttpClientOptions {
  /** From the call to the end of the answer, waiting for a connection included; below the claim's lease. */
  answerTimeoutMs: number
  connectionsMax: number
  /** Refuses hosts that are, or resolve to, addresses of this network (server-side request forgery). */
  publicOnly?: boolean
}

/** What a vendor's API is given; messages in flight are at most 32. */
export const httpDefaults: HttpClientOptions = { answerTimeoutMs: 30_000, connectionsMax: 32 }

/** Answers are read so far; no vendor's is longer than a few hundred bytes. */
const bodyBytesMax = 16_384
const connectTimeoutMs = 10_000
/** Less than servers keep a connection (Node 5 s, nginx 75 s): a request into one just closed is `unknown`. */
const idleMs = 4000

/**
 * Node's own client, since it tells the moment at which a connection stands: before it nothing can have been
 * sent. Redirects are answers like others.
 */
export function createHttpClient(options: HttpClientOptions = httpDefaults): HttpClient {
  const settings = { keepAlive: true, maxSockets: options.connectionsMax, timeout: idleMs }
  const agents = { 'http:': new HttpAgent(settings), 'https:': new HttpsAgent(settings) }
  let closed = false
  return {
    async post(call) {
      if (closed) return { kind: 'failed', written: false, reason: 'closed' }
      const url = new URL(call.url)
      if (options.publicOnly === true && isPrivateAddress(url.hostname)) {
        return { kind: 'failed', written: false, reason: privateHost }
      }
      const agent = agents[url.protocol as keyof typeof agents]
      if (agent === undefined) return { kind: 'failed', written: false, reason: `no ${url.protocol} here` }
      return await post(url, call, agent, options)
    },
    async close() {
      closed = true
      for (const agent of Object.values(agents)) agent.destroy()
    },
  }
}

/** The reason of a call that was refused before it began; no later try will do better. */
export const privateHost = 'private_host'

function post(
  url: URL,
  { headers, body }: HttpCall,
  agent: HttpAgent,
  { answerTimeoutMs, publicOnly }: HttpClientOptions,
): Promise<HttpOutcome> {
  return new Promise((resolve) => {
    let written = false
    let answered = false
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
      method: 'POST',
      agent,
      headers: { ...headers, 'content-length': String(Buffer.byteLength(body)) },
      ...(publicOnly === true ? { lookup: lookUpPublic } : {}),
    })
    const timer = setTimeout(() => request.destroy(new Error('no answer in time')), answerTimeoutMs)
    const end = (outcome: HttpOutcome): void => {
      clearTimeout(timer)
      clearTimeout(connecting)
      resolve(outcome)
    }
    const connecting = setTimeout(() => {
      if (!written) request.destroy(new Error('no connection in time'))
    }, connectTimeoutMs)
    request.on('socket', (socket) => {
      if (!socket.connecting) written = true
      else socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', () => (written = true))
    })
    request.on('error', (error) => {
      // With the status known, it is for the body's reader to say that the rest did not come.
      if (!answered) end({ kind: 'failed', written, reason: reasonOf(error) })
    })
    request.on('response', (response) => {
      answered = true
      void readBody(response).then(({ text, whole }) => {
        end({
          kind: 'answer',
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: text,
          whole,
        })
      })
    })
    request.end(body)
  })
}

async function readBody(response: IncomingMessage): Promise<{ text: string; whole: boolean }> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of response) {
      chunks.push(chunk as Buffer)
      bytes += (chunk as Buffer).length
      // Leaving the loop gives the connection up: it would bring the rest.
      if (bytes > bodyBytesMax) break
    }
  } catch {
    return { text: Buffer.concat(chunks).toString(), whole: false }
  }
  return { text: Buffer.concat(chunks).subarray(0, bodyBytesMax).toString(), whole: true }
}

function reasonOf(error: Error & { code?: string }): string {
  return error.code === undefined ? error.message : `${error.code} ${error.message}`
}
