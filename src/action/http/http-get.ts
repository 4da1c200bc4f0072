import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isPrivateAddress, lookUpPublic } from './private-address.ts'

export type GetOutcome =
  | { kind: 'answer'; status: number; headers: IncomingHttpHeaders; body: Buffer }
  | { kind: 'failed'; reason: string }

export interface GetOptions {
  /** From the call to the end of the answer. */
  timeoutMs: number
  /** Refuses hosts that are, or resolve to, addresses of this network (server-side request forgery). */
  publicOnly: boolean
}

/**
 * Fetches a file as it is: no redirect is followed, since it may lead into this network; nothing is unpacked,
 * since little may unpack to much.
 */
export function getFile(
  call: { url: string; headers: Record<string, string>; bytesMax: number },
  { timeoutMs, publicOnly }: GetOptions,
): Promise<GetOutcome> {
  const url = URL.parse(call.url)
  if (url === null || !/^https?:$/.test(url.protocol))
    return Promise.resolve(failed('not an address of http or https'))
  if (publicOnly && isPrivateAddress(url.hostname)) return Promise.resolve(failed('private_host'))
  return new Promise((resolve) => {
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
      headers: call.headers,
      // A connection of its own: the address that was looked up is the one that is connected to.
      agent: false,
      signal: AbortSignal.timeout(timeoutMs),
      ...(publicOnly ? { lookup: lookUpPublic } : {}),
    })
    request.on('error', (error) => resolve(failed(reasonOf(error))))
    request.on('response', (response) => {
      const { statusCode: status = 0, headers } = response
      const encoding = headers['content-encoding'] ?? 'identity'
      const end = (outcome: GetOutcome): void => {
        resolve(outcome)
        response.destroy()
      }
      if (encoding !== 'identity') return end(failed(`it is packed (${encoding}): send it as it is`))
      if (Number(headers['content-length'] ?? 0) > call.bytesMax) return end(tooLarge(call.bytesMax))
      const chunks: Buffer[] = []
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > call.bytesMax) end(tooLarge(call.bytesMax))
        else chunks.push(chunk)
      })
      response.on('error', (error) => resolve(failed(reasonOf(error))))
      response.on('end', () => {
        resolve(
          response.complete
            ? { kind: 'answer', status, headers, body: Buffer.concat(chunks) }
            : failed('the answer broke off'),
        )
      })
    })
    request.end()
  })
}

function tooLarge(bytesMax: number): GetOutcome {
  return failed(`it is larger than ${bytesMax} bytes`)
}

function failed(reason: string): GetOutcome {
  return { kind: 'failed', reason }
}

function reasonOf(error: Error & { code?: string | number }): string {
  if (error.name === 'TimeoutError' || error.name === 'AbortError') return 'no answer in time'
  return typeof error.code === 'string' ? `${error.code} ${error.message}` : error.message
}
