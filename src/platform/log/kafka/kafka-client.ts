import kafkajs, { type Kafka, type KafkaConfig, type LogEntry } from 'kafkajs'
import type { Logger } from '#contracts/logger.ts'
import { registerCodecs } from './codecs.ts'
import type { KafkaSettings } from './kafka-settings.ts'
import { quietTimerWarning } from './quiet-timer-warning.ts'

/** A kafkajs client with our codecs and our log. `more` are its own settings, times above all. */
export function createKafkaClient(settings: KafkaSettings, more: Partial<KafkaConfig> = {}): Kafka {
  registerCodecs()
  quietTimerWarning()
  const { brokers, tls, sasl, logger } = settings
  return new kafkajs.Kafka({
    clientId: 'starling',
    brokers,
    ...(tls === true ? { ssl: true } : {}),
    ...(sasl === undefined ? {} : { sasl: sasl as NonNullable<KafkaConfig['sasl']> }),
    connectionTimeout: 3000,
    requestTimeout: 10_000,
    retry: { initialRetryTime: 100, maxRetryTime: 1000, retries: 3 },
    logLevel: kafkajs.logLevel.INFO,
    logCreator: () => (entry) => logLine(logger, entry),
    ...more,
  })
}

/**
 * kafkajs logs every lost connection and every rebalance at ERROR, several lines each. What an operator
 * must know we say ourselves, once; its lines are there for whoever looks for the reason.
 */
function logLine(logger: Logger, { level, namespace, log }: LogEntry): void {
  const { message, error, broker } = log as { message: string; error?: unknown; broker?: string }
  logger.debug(`kafkajs: ${message}`, {
    level,
    namespace,
    ...(error === undefined ? {} : { error: String(error) }),
    ...(broker === undefined ? {} : { broker }),
  })
}

/** The error's own words; kafkajs wraps the cause in what it did about it. */
export function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return cause instanceof Error ? cause.message : String(cause)
}

/** Rejects when `work` takes longer; what it does after that is ignored. */
export async function withinMs<T>(work: Promise<T>, limitMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${limitMs} ms`)), limitMs)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
    work.catch(() => {})
  }
}
