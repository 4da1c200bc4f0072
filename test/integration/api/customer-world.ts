import { type InboxEntry, insertInbox } from '../../../src/action/inbox-rows.ts'
import type { Called, DoorWorld } from './door-world.ts'

/** What a customer's app does: with a token that the shop's server had made. */
export interface CustomerApp {
  token: string
  call<T = Record<string, never>>(method: string, path: string, body?: object): Promise<Called<T>>
  /** The stream's frames, one by one, as they come. */
  stream(headers?: Record<string, string>): Promise<Frames>
}

export interface Frames {
  status: number
  /** The next frame with data; comments and `retry` are passed over. */
  next(): Promise<{ id: string; event: string; data: Record<string, unknown> }>
  close(): Promise<void>
}

export async function signIn(
  world: DoorWorld,
  who: { userId: string } | { anonymousId: string },
  lifetimeSeconds?: number,
): Promise<CustomerApp> {
  const made = await world.call<{ token: string }>('POST', '/customer-tokens', {
    ...who,
    ...(lifetimeSeconds === undefined ? {} : { lifetimeSeconds }),
  })
  if (made.status !== 200) throw new Error(JSON.stringify(made.body))
  return appWith(world.url, made.body.token)
}

export function appWith(url: string, token: string): CustomerApp {
  return {
    token,
    async call(method, path, body) {
      const response = await fetch(`${url}/api/v1${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      const text = await response.text()
      return {
        status: response.status,
        headers: response.headers,
        body: (text === '' ? null : JSON.parse(text)) as never,
      }
    },
    stream: (headers = {}) => openStream(url, { authorization: `Bearer ${token}`, ...headers }),
  }
}

async function openStream(url: string, headers: Record<string, string>): Promise<Frames> {
  const stop = new AbortController()
  const response = await fetch(`${url}/api/v1/inbox/stream`, { headers, signal: stop.signal })
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let buffered = ''
  return {
    status: response.status,
    async next() {
      for (;;) {
        const end = buffered.indexOf('\n\n')
        if (end < 0) {
          const { done, value } = await reader.read()
          if (done) throw new Error('the stream has ended')
          buffered += value
          continue
        }
        const lines = buffered.slice(0, end).split('\n')
        buffered = buffered.slice(end + 2)
        const field = (name: string) =>
          lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2)
        const data = field('data')
        if (data !== undefined)
          return { id: field('id') ?? '', event: field('event') ?? '', data: JSON.parse(data) }
      }
    },
    async close() {
      stop.abort()
      await reader.cancel().catch(() => {})
    },
  }
}

/** As another process would: nobody here is woken. */
export async function putInInbox(
  world: DoorWorld,
  customerId: string,
  id: string,
  parts: Partial<InboxEntry> = {},
): Promise<void> {
  const { store, clock } = world.engine.parts
  const entry: InboxEntry = {
    message_id: id,
    customer_id: customerId,
    title: `Title ${id}`,
    html: '',
    text: `Text ${id}`,
    url: '',
    data_json: '{}',
    expires_at: clock.now() + 86_400_000,
    ...parts,
  }
  await store.transaction((tx) => insertInbox(tx.workspace('main'), [entry], clock.now()))
}
