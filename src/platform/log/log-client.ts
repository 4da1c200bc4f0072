import type { MessagePort } from 'node:worker_threads'
import type { AppendResult, EventLog, LogConsumer } from '#contracts/event-log.ts'
import { encodeAppend } from './append-frame.ts'
import { createLogConsumer } from './log-consumer.ts'
import { openLogReader } from './log-file.ts'
import { IN_FLIGHT_BYTES_MAX, type LogDamage } from './log-limits.ts'
import { createLogSignal, endsOf } from './log-signal.ts'
import type { LogAnswers, LogRequest } from './log-thread.ts'

/** What a role's thread gets to reach the log's thread; `port` must be in the transfer list. */
export interface LogConnection {
  port: MessagePort
  file: string
  partitions: number
  signal: SharedArrayBuffer
}

/**
 * The log as a role's thread sees it: appends go to the log's thread, a transferred buffer a call and a
 * message a turn of the event loop; consumers read the file themselves.
 */
export function createLogClient(
  connection: LogConnection,
  { onDamage = () => {} }: { onDamage?: (damage: LogDamage) => void } = {},
): EventLog {
  const { port, partitions, file } = connection
  const signal = createLogSignal(partitions, connection.signal)
  const consumers = new Set<LogConsumer>()
  const calls = createCalls()
  let closing = false

  port.on('message', (answers: LogAnswers) => {
    for (const callId of answers.appended) calls.answer(callId, { kind: 'appended' })
    for (const [callId, result] of answers.refused) calls.answer(callId, result)
  })
  port.on('close', () => {
    closing = true
    calls.answerAll({ kind: 'unavailable', reason: 'the event log has stopped' })
  })
  const tell = (request: LogRequest): void => port.postMessage(request)
  let frames: ArrayBuffer[] = []
  const sendFrames = (): void => {
    if (frames.length === 0) return
    const sent = frames
    frames = []
    port.postMessage(sent, sent)
  }

  return {
    partitions,
    append(records) {
      if (records.length === 0) return Promise.resolve({ kind: 'appended' })
      if (closing) return Promise.resolve({ kind: 'unavailable', reason: 'the event log is closing' })
      const callId = calls.nextId()
      const frame = encodeAppend(callId, records, partitions)
      const bytes = frame.byteLength
      if (calls.bytes() + bytes > IN_FLIGHT_BYTES_MAX) {
        return Promise.resolve({ kind: 'full', retryAfterSeconds: 1 })
      }
      return new Promise((resolve) => {
        calls.add(callId, bytes, resolve)
        if (frames.push(frame) === 1) setImmediate(sendFrames)
      })
    },
    consumer(group, startAt) {
      tell({ kind: 'register', group })
      const database = openLogReader(file)
      const consumer = createLogConsumer({
        database,
        partitions,
        signal,
        startAt,
        onCommitted: (partition, offset) => tell({ kind: 'committed', group, partition, offset }),
        onDamage,
        onClose: () => {
          consumers.delete(consumer)
          database.close()
        },
      })
      consumers.add(consumer)
      return consumer
    },
    ends: async () => endsOf(signal, partitions),
    async close() {
      closing = true
      for (const consumer of consumers) await consumer.close()
      await calls.settled()
      port.close()
    },
  }
}

/** Calls that wait for their answer. */
function createCalls() {
  const open = new Map<number, { bytes: number; resolve: (result: AppendResult) => void }>()
  let lastId = 0
  let bytes = 0
  let onSettled = () => {}
  const answer = (callId: number, result: AppendResult): void => {
    const call = open.get(callId)
    if (call === undefined) return
    open.delete(callId)
    bytes -= call.bytes
    call.resolve(result)
    if (open.size === 0) onSettled()
  }
  return {
    answer,
    bytes: () => bytes,
    // Ids are words of 32 bits in the frame.
    nextId: () => {
      lastId = (lastId + 1) >>> 0
      return lastId
    },
    add(callId: number, callBytes: number, resolve: (result: AppendResult) => void) {
      open.set(callId, { bytes: callBytes, resolve })
      bytes += callBytes
    },
    answerAll(result: AppendResult) {
      for (const callId of [...open.keys()]) answer(callId, result)
    },
    settled: () =>
      new Promise<void>((resolve) => {
        if (open.size === 0) resolve()
        else onSettled = resolve
      }),
  }
}
