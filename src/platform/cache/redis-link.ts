import { Cluster, Redis } from 'ioredis'
import type { Logger } from '#contracts/logger.ts'

export type RedisClient = Redis | Cluster

/** A way to Redis that never throws and never waits long: what it cannot have in time is `null`. */
export interface RedisLink {
  /**
   * The answer of `work`, or null when Redis is down, refuses or has not answered within the bound. After a
   * null nobody is asked for `restMs`; then one call tries, and the others go on when it was answered.
   */
  ask<T>(work: Work<T>): Promise<T | null>
  close(): void
}

export interface RedisLinkOptions {
  /** `redis://…` or `rediss://…`: a server, or any node of a cluster. */
  url: string
  logger: Pick<Logger, 'info' | 'warn'>
  /** Longest wait for an answer. Default 50 ms: beyond it reading the store is the faster way. */
  answerMaxMs?: number
  /** How long nobody is asked after a failure. Default 1 s: one call in 20 then waits in vain. */
  restMs?: number
}

/** Longest wait for the first connection: a process starts without Redis too. */
const firstConnectMaxMs = 1000
const reconnectMostMs = 1000
/** A connection on which nothing comes back any more is given up. */
const silenceMaxMs = 5000

/** Resolves when Redis is there, or when it has not come within a second; it is tried on and on after that. */
export async function openRedisLink(options: RedisLinkOptions): Promise<RedisLink> {
  const { logger, answerMaxMs = 50, restMs = 1000 } = options
  const connection = connect(options.url)
  let restsUntil = 0
  let isDown = false
  let isTrying = false

  const failed = (reason: string): null => {
    restsUntil = performance.now() + restMs
    if (!isDown) logger.warn('redis does not answer: deciding from the store, rate limits wait', { reason })
    isDown = true
    return null
  }
  const answered = (): void => {
    if (isDown) logger.info('redis answers again')
    isDown = false
  }

  const tryOnce = async <T>(work: Work<T>): Promise<T | null> => {
    const client = connection.client()
    if (client === null) return failed(connection.fault())
    try {
      const answer = await within(work(client, client instanceof Cluster), answerMaxMs)
      if (answer === late) return failed(`no answer within ${answerMaxMs} ms`)
      answered()
      return answer
    } catch (error) {
      return failed(error instanceof Error ? error.message : String(error))
    }
  }

  await connection.first(firstConnectMaxMs)
  return {
    async ask(work) {
      if (isTrying || performance.now() < restsUntil) return null
      if (!isDown) return await tryOnce(work)
      isTrying = true
      try {
        return await tryOnce(work)
      } finally {
        isTrying = false
      }
    },
    close: connection.close,
  }
}

type Work<T> = (client: RedisClient, isCluster: boolean) => Promise<T>

interface Connection {
  /** Resolves when connected, or after `maxMs`. */
  first(maxMs: number): Promise<void>
  /** Null while there is none that takes commands. */
  client(): RedisClient | null
  fault(): string
  close(): void
}

/** A plain client; once connected it is asked whether it stands in a cluster, and then replaced. */
function connect(url: string): Connection {
  let fault = 'not connected'
  let found: () => void = () => {}
  const isFound = new Promise<void>((resolve) => {
    found = resolve
  })
  let current: RedisClient | null = null
  let isClosed = false
  const remember = (error: Error): void => {
    fault = error.message
  }
  const single = new Redis(url, clientOptions)
  single.on('error', remember)
  single.once('ready', async () => {
    const info = await single.info('cluster').catch(() => '')
    if (isClosed) return
    if (!info.includes('cluster_enabled:1')) {
      current = single
      return found()
    }
    const { host = '127.0.0.1', port = 6379, username, password, tls } = single.options
    const account = {
      ...(username ? { username } : {}),
      ...(password ? { password } : {}),
      ...(tls ? { tls } : {}),
    }
    const cluster = new Cluster([{ host, port }], {
      redisOptions: { ...nodeOptions, ...account },
      enableOfflineQueue: false,
      clusterRetryStrategy: reconnectDelayMs,
    })
    current = cluster
    cluster.on('error', remember)
    cluster.once('ready', found)
    single.disconnect()
  })
  return {
    async first(maxMs) {
      let timer: NodeJS.Timeout | undefined
      const tooLate = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, maxMs)
      })
      await Promise.race([isFound, tooLate])
      clearTimeout(timer)
    },
    client: () => (current?.status === 'ready' ? current : null),
    fault: () => fault,
    close() {
      isClosed = true
      single.disconnect()
      if (current !== single) current?.disconnect()
    },
  }
}

/** Nothing waits for a connection and nothing is sent twice: a token would be taken twice. */
const nodeOptions = {
  enableAutoPipelining: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  connectTimeout: 1000,
  socketTimeout: silenceMaxMs,
}
const clientOptions = { ...nodeOptions, enableOfflineQueue: false, retryStrategy: reconnectDelayMs }

function reconnectDelayMs(times: number): number {
  return Math.min(50 * 2 ** times, reconnectMostMs)
}

const late = Symbol('late')

async function within<T>(work: Promise<T>, maxMs: number): Promise<T | typeof late> {
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<typeof late>((resolve) => {
    // An answer may be waiting in the socket while this thread was busy: it is read before the immediate.
    timer = setTimeout(() => setImmediate(resolve, late), maxMs)
  })
  try {
    return await Promise.race([work, tooLate])
  } finally {
    clearTimeout(timer)
    work.catch(() => {})
  }
}
