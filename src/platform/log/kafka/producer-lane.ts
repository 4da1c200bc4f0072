import { setTimeout as wait } from 'node:timers/promises'
import kafkajs, { type Kafka, type Message, type Producer } from 'kafkajs'
import type { AppendResult } from '#contracts/event-log.ts'
import type { Logger } from '#contracts/logger.ts'
import { reasonOf, withinMs } from './kafka-client.ts'
import { ANSWER_MAX_MS } from './kafka-settings.ts'

export interface LaneRecord {
  topic: string
  partition: number
  key: string
  value: string
}

/** One call's share of a lane. `done` is called once. */
export interface LaneCall {
  records: LaneRecord[]
  done: (result: AppendResult) => void
}

/**
 * Produces in order, one request in flight; calls that arrive meanwhile share the next one.
 *
 *   connecting → up → (a send failed) → connecting → up
 *                                            └─ (not within ANSWER_MAX_MS) → down → up
 *   any → closed
 *
 * While it is down, calls are refused at once and the connection is tried in the background.
 *
 * Why a lane and not `producer.send` for each call: kafkajs 2.2.4 takes a failed request's sequence numbers
 * back and lets the next send use them before the first is tried again; when the broker had in fact stored
 * the first, it takes the second for its repetition and drops it, acknowledged. One send at a time, with all
 * its tries, cannot meet that, and after a send that failed for good the producer is thrown away: a new one
 * has new sequences. Its records are sent again by the new one until ANSWER_MAX_MS has passed.
 */
export interface ProducerLane {
  connected(): Promise<void>
  submit(call: LaneCall): void
  /** Sends what waits, then ends. */
  close(): Promise<void>
}

/** 500 a request came to 31k to 49k events/s here, 1000 to 51k; more only makes the first wait. */
const RECORDS_MAX = 1000
/** Before compression; Kafka's own default for a batch of one partition is 1 MB. */
const BYTES_MAX = 900_000
const RECONNECT_EVERY_MS = 500

export function createProducerLane(kafka: Kafka, logger: Logger, lane: number): ProducerLane {
  let producer: Producer | null = null
  let queue: LaneCall[] = []
  let state: 'connecting' | 'up' | 'down' | 'closed' = 'connecting'
  let downReason = ''
  let pumping = false
  let closing = false
  let onIdle = () => {}

  const connect = async (): Promise<void> => {
    const fresh = kafka.producer({
      idempotent: true,
      allowAutoTopicCreation: false,
      createPartitioner:
        () =>
        ({ message }) =>
          message.partition ?? 0,
      // About as long as ANSWER_MAX_MS: what is tried after that nobody waits for.
      retry: { initialRetryTime: 100, maxRetryTime: 1000, retries: 9 },
    })
    try {
      await withinMs(fresh.connect(), ANSWER_MAX_MS, 'connecting to Kafka')
    } catch (error) {
      leave(fresh)
      throw error
    }
    producer = fresh
  }

  const connectUntil = async (deadline: number): Promise<void> => {
    for (;;) {
      try {
        return await connect()
      } catch (error) {
        if (performance.now() > deadline || state === 'closed') throw error
        await wait(RECONNECT_EVERY_MS)
      }
    }
  }

  const refuse = (calls: LaneCall[], reason: string): void => {
    for (const call of calls) call.done({ kind: 'unavailable', reason })
  }

  const goDown = (error: unknown): void => {
    downReason = `Kafka cannot be reached: ${reasonOf(error)}`
    state = 'down'
    logger.warn('events are refused until Kafka is back', { reason: downReason, lane })
    refuse(queue.splice(0), downReason)
    void comeBack()
  }

  const comeBack = async (): Promise<void> => {
    while (state === 'down') {
      await wait(RECONNECT_EVERY_MS, undefined, { ref: false })
      try {
        await connect()
        if (state !== 'down') return
        state = 'up'
        logger.info('Kafka is back', { lane })
      } catch (error) {
        downReason = `Kafka cannot be reached: ${reasonOf(error)}`
      }
    }
  }

  /** A producer that failed may have sequences the broker does not share: never used again. */
  const replaceProducer = async (deadline: number): Promise<void> => {
    if (producer !== null) leave(producer)
    producer = null
    state = 'connecting'
    try {
      await connectUntil(deadline)
      state = 'up'
    } catch (error) {
      goDown(error)
    }
  }

  /** Null when every record is on every replica in sync, else why not. */
  const sendCalls = async (calls: LaneCall[]): Promise<string | null> => {
    const deadline = performance.now() + ANSWER_MAX_MS
    for (;;) {
      try {
        for (const records of requestsOf(calls)) {
          await withinMs(send(producer!, records), ANSWER_MAX_MS, 'producing to Kafka')
        }
        return null
      } catch (error) {
        const reason = `Kafka did not take the events: ${reasonOf(error)}`
        logger.info('a produce request failed', { reason, lane })
        await replaceProducer(deadline)
        if (state !== 'up' || performance.now() > deadline || isForTheRecords(error)) return reason
        // Some may be there twice now; the event's id makes it once.
      }
    }
  }

  const pump = async (): Promise<void> => {
    if (pumping) return
    pumping = true
    while (queue.length > 0 && state === 'up') {
      const calls = takeCalls(queue)
      queue = queue.slice(calls.length)
      const fault = await sendCalls(calls)
      if (fault === null) for (const call of calls) call.done({ kind: 'appended' })
      else refuse(calls, fault)
    }
    pumping = false
    if (queue.length === 0) onIdle()
  }

  return {
    async connected() {
      await connectUntil(performance.now() + ANSWER_MAX_MS)
      state = 'up'
    },
    submit(call) {
      if (closing) return refuse([call], 'the event log is closing')
      if (state === 'down') return refuse([call], downReason)
      queue.push(call)
      // A turn later, so that calls of one turn share a request.
      if (!pumping) setImmediate(() => void pump())
    },
    async close() {
      if (closing) return
      closing = true
      if (queue.length > 0 || pumping) {
        await new Promise<void>((resolve) => {
          onIdle = resolve
          void pump()
        })
      }
      state = 'closed'
      if (producer !== null) await withinMs(producer.disconnect(), 2000, 'disconnecting').catch(() => {})
    },
  }
}

/** Refusals that another try cannot change. */
function isForTheRecords(error: unknown): boolean {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const type = (cause as { type?: string } | null)?.type ?? ''
  return (
    ['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD'].includes(type) ||
    type.endsWith('AUTHORIZATION_FAILED')
  )
}

function leave(producer: Producer): void {
  producer.disconnect().catch(() => {})
}

/** Whole calls from the front, up to a request's size; at least one, however large. */
function takeCalls(queue: LaneCall[]): LaneCall[] {
  let records = 0
  let bytes = 0
  let count = 0
  for (const call of queue) {
    records += call.records.length
    bytes += bytesOf(call.records)
    if (count > 0 && (records > RECORDS_MAX || bytes > BYTES_MAX)) break
    count++
  }
  return queue.slice(0, count)
}

/** The records of these calls in one request, or in several where a single call is larger than one. */
function requestsOf(calls: LaneCall[]): LaneRecord[][] {
  const all = calls.length === 1 ? calls[0]!.records : calls.flatMap((call) => call.records)
  if (all.length <= RECORDS_MAX && bytesOf(all) <= BYTES_MAX) return [all]
  const requests: LaneRecord[][] = []
  let request: LaneRecord[] = []
  let bytes = 0
  for (const record of all) {
    const size = record.key.length + record.value.length
    if (request.length > 0 && (request.length >= RECORDS_MAX || bytes + size > BYTES_MAX)) {
      requests.push(request)
      request = []
      bytes = 0
    }
    request.push(record)
    bytes += size
  }
  requests.push(request)
  return requests
}

/** In UTF-16 units: a bound for batching, not for memory. */
function bytesOf(records: LaneRecord[]): number {
  let bytes = 0
  for (const { key, value } of records) bytes += key.length + value.length
  return bytes
}

async function send(producer: Producer, records: LaneRecord[]): Promise<void> {
  const topics = new Map<string, Message[]>()
  const expected = new Set<string>()
  for (const { topic, partition, key, value } of records) {
    expected.add(`${topic} ${partition}`)
    const message = { partition, key, value }
    const list = topics.get(topic)
    if (list === undefined) topics.set(topic, [message])
    else list.push(message)
  }
  const answers = await producer.sendBatch({
    acks: -1,
    timeout: 5000,
    compression: kafkajs.CompressionTypes.ZSTD,
    topicMessages: [...topics].map(([topic, messages]) => ({ topic, messages })),
  })
  // When a leader moves between two tries, kafkajs can leave a partition out and still resolve.
  for (const answer of answers) {
    if (answer.errorCode === 0) expected.delete(`${answer.topicName} ${answer.partition}`)
  }
  if (expected.size > 0) throw new Error(`no answer for ${[...expected].join(', ')}`)
}
