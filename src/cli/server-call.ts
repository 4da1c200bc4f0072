import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ReadableStream as WebReadableStream } from 'node:stream/web'
import { exitCodes } from './exit-codes.ts'
import { type Failure, failed } from './outcome.ts'

/** As serve.ts writes it; from there it would load the whole engine, a second for every command. */
const serverFileName = 'server.json'

/** The running server, as commands reach it. */
export interface ServerAddress {
  url: string
  adminKey: string
}

export type Answer<T> = { kind: 'answer'; body: T } | Failure

/**
 * Where the server is: STARLING_URL and STARLING_ADMIN_KEY, else what the server of this machine has left
 * in its data folder; null when neither says.
 */
export function findServer(environment: NodeJS.ProcessEnv, dataDir: string): ServerAddress | Failure | null {
  const { STARLING_URL: url, STARLING_ADMIN_KEY: adminKey } = environment
  if (url !== undefined && url !== '') {
    if (adminKey !== undefined && adminKey !== '') return { url: url.replace(/\/+$/, ''), adminKey }
    return failed(exitCodes.usage, 'STARLING_URL is set, STARLING_ADMIN_KEY is not', 'Set both.')
  }
  try {
    const file = JSON.parse(readFileSync(join(dataDir, serverFileName), 'utf8')) as ServerAddress
    return { url: file.url, adminKey: file.adminKey }
  } catch {
    return null
  }
}

export function noServer(dataDir: string): Failure {
  return failed(
    exitCodes.unreachable,
    `no server is running on the data folder ${dataDir}`,
    'Start one (starling serve), name its folder (--data-dir), or set STARLING_URL and STARLING_ADMIN_KEY.',
  )
}

/** Calls the server. A fault comes back as a failure that says what to do next. */
export async function callServer<T>(
  server: ServerAddress,
  method: string,
  path: string,
  body?: RequestBody,
): Promise<Answer<T>> {
  const headers: Record<string, string> = { authorization: `Bearer ${server.adminKey}` }
  let payload: string | Uint8Array<ArrayBuffer> | undefined
  if (body !== undefined) {
    const [type, sent] = typedBody(body)
    headers['content-type'] = type
    payload = sent
  }
  let response: Response
  let text: string
  try {
    response = await fetch(`${server.url}/api/v1${path}`, {
      method,
      headers,
      ...(payload === undefined ? {} : { body: payload }),
    })
    text = await response.text()
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error)
    return failed(
      exitCodes.unreachable,
      `no server answers at ${server.url}: ${cause}`,
      'Start it (starling serve), or correct STARLING_URL.',
    )
  }
  const isJson = response.headers.get('content-type')?.includes('json') === true
  const parsed: unknown = isJson ? JSON.parse(text) : text
  if (response.ok) return { kind: 'answer', body: parsed as T }
  return failureOf(server, response, isJson ? (parsed as Problem) : { detail: text })
}

export type RequestBody = { json: unknown } | { csv: string } | { mail: Uint8Array<ArrayBuffer> }

function typedBody(body: RequestBody): [string, string | Uint8Array<ArrayBuffer>] {
  if ('json' in body) return ['application/json', JSON.stringify(body.json)]
  return 'csv' in body ? ['text/csv', body.csv] : ['message/rfc822', body.mail]
}

/** A file of the server's, as it is. */
export async function fetchFile(server: ServerAddress, path: string): Promise<Uint8Array | Failure> {
  const body = await fetchBody(server, path)
  return 'kind' in body ? body : new Uint8Array(await new Response(body as BodyInit).arrayBuffer())
}

/** The same as it comes, for one that may be larger than memory. */
export async function fetchBody(
  server: ServerAddress,
  path: string,
): Promise<WebReadableStream<Uint8Array> | Failure> {
  const headers = { authorization: `Bearer ${server.adminKey}` }
  try {
    const response = await fetch(`${server.url}/api/v1${path}`, { headers })
    if (response.ok) return (response.body ?? new Blob([]).stream()) as WebReadableStream<Uint8Array>
    return failureOf(server, response, (await response.json()) as Problem)
  } catch (error) {
    return failed(exitCodes.unreachable, `no server answers at ${server.url}: ${String(error)}`)
  }
}

interface Problem {
  code?: string
  detail?: string
  field?: string
  faults?: { field: string; detail: string }[]
}

function failureOf(server: ServerAddress, response: Response, problem: Problem): Failure {
  const { status } = response
  const { code = `status ${status}`, detail = '', field, faults } = problem
  const retryAfter = response.headers.get('retry-after')
  const place = field === undefined || detail.startsWith(field) ? '' : `${field}: `
  const message =
    faults === undefined
      ? `${place}${detail}`
      : faults.map((fault) => `${fault.field === '' ? '' : `${fault.field}: `}${fault.detail}`).join('\n')
  const details = { code, status, ...(faults === undefined ? {} : { faults }), ...(field ? { field } : {}) }
  if (status === 401) {
    const next = 'Check STARLING_ADMIN_KEY, or leave it and STARLING_URL unset on the server’s machine.'
    return { ...failed(exitCodes.unreachable, `${server.url} does not take the key`, next), details }
  }
  if (status === 429 || status === 503) {
    const next = `Try again${retryAfter === null ? '' : ` in ${retryAfter} s`}.`
    return { ...failed(exitCodes.unreachable, message, next), details }
  }
  if (status >= 500) {
    return { ...failed(exitCodes.internal, message, 'The server’s log says what happened.'), details }
  }
  const next = nextSteps[code]
  return { ...failed(exitCodes.data, message, next), details }
}

const nextSteps: Record<string, string> = {
  invalid_definition: 'Nothing was changed. Correct the file and apply it again.',
  campaign_not_approved: 'Approve it first: starling campaign approve ID.',
  not_found: 'starling campaign list and starling status show what there is.',
}
