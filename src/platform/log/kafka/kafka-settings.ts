import type { Logger } from '#contracts/logger.ts'

export interface KafkaSettings {
  /** `host:port` of some brokers; the others are learned from them. */
  brokers: string[]
  /** What the names of our topics and groups begin with. */
  topicPrefix: string
  tls?: boolean
  sasl?: { mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; username: string; password: string }
  logger: Logger
}

export interface TopicNames {
  /** Log records, keyed by customer: what the pipeline reads. */
  events: string
  /** Events that other systems produce, in the shape of the public API: what ingest reads. */
  inbox: string
  /** Every decision, keyed by customer: what other systems read. */
  decisions: string
  /** Events that were refused and records that could not be read. */
  deadLetters: string
}

export function topicNames(prefix: string): TopicNames {
  return {
    events: `${prefix}.events`,
    inbox: `${prefix}.inbox`,
    decisions: `${prefix}.decisions`,
    deadLetters: `${prefix}.dead-letters`,
  }
}

/** A call for the brokers at start, and a produce with all its retries, ends after this; then it is refused. */
export const ANSWER_MAX_MS = 8000

/** The largest record batch our topics take; a refused event may be kept with 64 kB of its text. */
export const MESSAGE_BYTES_MAX = 4 * 1024 * 1024
