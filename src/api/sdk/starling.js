/**
 * Starling in the browser: the customer's in-app inbox, live, and web push. No dependencies, no cookies; it writes
 * nothing into the page. Load it with a script tag; `window.Starling` is then there. Types: starling.d.ts.
 */
;(() => {
  /** Where this script came from is where the server is. */
  const ownUrl = document.currentScript?.src ?? location.href
  const retryFirstMs = 1000
  const retryMostMs = 30_000
  /** The server says something every 15 seconds: a connection that is silent for three of these is dead. */
  const silentMostMs = 45_000
  const itemsMax = 200

  /**
   * @param {{ token: () => string | Promise<string>, url?: string }} options `token` gets a customer token from your
   *   server: at the start, and again when one has expired.
   */
  function connect(options) {
    const base = (options.url ?? new URL(ownUrl).origin).replace(/\/+$/, '')
    const api = createApi(base, options.token)
    const inbox = createInbox(api)
    return {
      inbox: inbox.face,
      subscribePush: (push) => subscribePush(api, push ?? {}),
      unsubscribePush: (push) => unsubscribePush(api, push ?? {}),
      close: inbox.close,
    }
  }

  /** Calls with the customer's token; one that is no longer good is asked for again, once. */
  function createApi(base, tokenOf) {
    let token = null
    const send = async (path, init) => {
      token ??= Promise.resolve(tokenOf())
      // A token that could not be had is asked for again with the next call.
      const known = await token.catch((error) => {
        token = null
        throw error
      })
      const headers = { ...init.headers, authorization: `Bearer ${known}` }
      return fetch(`${base}/api/v1${path}`, { ...init, headers, credentials: 'omit' })
    }
    const call = async (path, init = {}) => {
      let response = await send(path, init)
      if (response.status === 401) {
        token = null
        response = await send(path, init)
      }
      if (!response.ok) throw await faultOf(response)
      return response
    }
    return {
      call,
      async json(method, path, body) {
        const init = { method }
        if (body !== undefined) {
          init.body = JSON.stringify(body)
          init.headers = { 'content-type': 'application/json' }
        }
        // Asked as the page is left: the browser ends it on its own.
        if (method === 'POST') init.keepalive = true
        const response = await call(path, init)
        return response.status === 204 ? null : response.json()
      },
    }
  }

  async function faultOf(response) {
    const problem = await response.json().catch(() => ({}))
    const error = new Error(problem.detail ?? `the server answered ${response.status}`)
    error.code = problem.code ?? 'unknown'
    error.retryAfterMs = Number(response.headers.get('retry-after') ?? 0) * 1000
    return error
  }

  function createInbox(api) {
    const items = new Map()
    const listeners = new Set()
    const stop = new AbortController()
    let started = false
    let lastEventId = null

    const snapshot = () => {
      const now = Date.now()
      const shown = [...items.values()]
        .filter((item) => item.dismissedAt === null && item.expiresAt > now)
        .sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1))
      return { items: shown, unread: shown.filter((item) => item.readAt === null).length }
    }
    const tell = () => {
      const state = snapshot()
      for (const listener of listeners) listener(state)
    }
    const take = (item) => {
      if (item.dismissedAt === null) items.set(item.id, item)
      else items.delete(item.id)
    }

    const load = async () => {
      const page = await api.json('GET', `/inbox?limit=${itemsMax}`)
      items.clear()
      for (const item of page.items) take(item)
      lastEventId = page.lastEventId
      tell()
    }

    /** Reads events until the connection ends. Resolves to whether any bytes came. */
    const follow = async () => {
      const silent = new AbortController()
      const signal = anyOf(stop.signal, silent.signal)
      let watch = setTimeout(() => silent.abort(), silentMostMs)
      try {
        const headers = { 'last-event-id': lastEventId, accept: 'text/event-stream' }
        const response = await api.call('/inbox/stream', { headers, signal, cache: 'no-store' })
        const reader = response.body.getReader()
        const decoder = new TextDecoder()
        let text = ''
        for (;;) {
          const { done, value } = await reader.read()
          if (done) return
          clearTimeout(watch)
          watch = setTimeout(() => silent.abort(), silentMostMs)
          text += decoder.decode(value, { stream: true })
          const frames = text.split('\n\n')
          text = frames.pop()
          if (frames.map(onFrame).some(Boolean)) tell()
        }
      } finally {
        clearTimeout(watch)
      }
    }

    const onFrame = (frame) => {
      let data = ''
      let event = ''
      let id = null
      for (const line of frame.split('\n')) {
        if (line.startsWith('data: ')) data += line.slice(6)
        else if (line.startsWith('event: ')) event = line.slice(7)
        else if (line.startsWith('id: ')) id = line.slice(4)
      }
      if (event !== 'message' || data === '') return false
      take(JSON.parse(data))
      if (id !== null) lastEventId = id
      return true
    }

    /** Until it is closed: the list, then what changes; after a break it goes on where it was. */
    const run = async () => {
      let failures = 0
      while (!stop.signal.aborted) {
        const startedAt = Date.now()
        let waitMs = retryFirstMs
        try {
          if (lastEventId === null) await load()
          await follow()
        } catch (error) {
          waitMs = Math.max(waitMs, error.retryAfterMs ?? 0)
        }
        failures = Date.now() - startedAt > silentMostMs ? 0 : failures + 1
        const ceiling = Math.min(retryMostMs, retryFirstMs * 2 ** Math.min(failures, 5))
        await pause(Math.max(waitMs, Math.random() * ceiling), stop.signal)
      }
    }

    const act = async (id, action) => {
      const answer = await api.json('POST', `/inbox/${encodeURIComponent(id)}/${action}`)
      const { target, ...item } = answer
      take(item)
      tell()
      return target
    }

    return {
      face: {
        /** Calls `listener` with `{ items, unread }` now and at each change. Resolves what ends it. */
        onChange(listener) {
          listeners.add(listener)
          if (started) listener(snapshot())
          else {
            started = true
            void run()
          }
          return () => listeners.delete(listener)
        },
        read: async (id) => void (await act(id, 'read')),
        dismiss: async (id) => void (await act(id, 'dismiss')),
        /** Counts the click. Resolves to where the message leads; '' for nowhere. */
        click: (id) => act(id, 'click'),
      },
      close: () => stop.abort(),
    }
  }

  function anyOf(...signals) {
    const either = new AbortController()
    for (const signal of signals) {
      if (signal.aborted) either.abort()
      else signal.addEventListener('abort', () => either.abort(), { once: true })
    }
    return either.signal
  }

  function pause(ms, signal) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      signal.addEventListener('abort', () => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  /**
   * Asks for permission where it has not been given (call it from a click), subscribes this browser and registers it
   * as the customer's. Resolves to the endpoint, or to null where the customer said no.
   */
  async function subscribePush(api, { serviceWorker = '/starling-sw.js', scope } = {}) {
    if (!('serviceWorker' in navigator) || !('PushManager' in window)) return null
    if ((await Notification.requestPermission()) !== 'granted') return null
    await navigator.serviceWorker.register(serviceWorker, scope === undefined ? {} : { scope })
    const registration = await navigator.serviceWorker.ready
    const { publicKey } = await api.json('GET', '/push/vapid-public-key')
    const key = bytesOf(publicKey)
    let subscription = await registration.pushManager.getSubscription()
    // One of another key would be refused by the push service with every message.
    if (subscription !== null && !isSame(subscription.options?.applicationServerKey, key)) {
      await subscription.unsubscribe()
      subscription = null
    }
    subscription ??= await registration.pushManager.subscribe({
      userVisibleOnly: true,
      applicationServerKey: key,
    })
    const { endpoint, keys } = subscription.toJSON()
    return api.json('POST', '/endpoints', { kind: 'web-push', subscription: { endpoint, keys } })
  }

  /** When the customer signs out here: the browser is told no more. `id`: of what `subscribePush` resolved to. */
  async function unsubscribePush(api, { id } = {}) {
    const registration = await navigator.serviceWorker?.getRegistration()
    const subscription = await registration?.pushManager.getSubscription()
    await subscription?.unsubscribe()
    if (id !== undefined) await api.json('DELETE', `/endpoints/${encodeURIComponent(id)}`)
  }

  function bytesOf(base64url) {
    const text = atob(base64url.replaceAll('-', '+').replaceAll('_', '/'))
    return Uint8Array.from(text, (character) => character.charCodeAt(0))
  }

  function isSame(buffer, key) {
    if (buffer === null || buffer === undefined || buffer.byteLength !== key.length) return false
    return new Uint8Array(buffer).every((byte, index) => byte === key[index])
  }

  window.Starling = { connect }
})()
