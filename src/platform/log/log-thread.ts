import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import type { AppendResult } from '#contracts/event-log.ts'
import { onThreadClose } from '../threads/on-thread-close.ts'
import { decodeAppend } from './append-frame.ts'
import { createGroupCommit, type GroupCommit } from './group-commit.ts'
import type { LogLimits } from './log-limits.ts'
import { createLogSignal } from './log-signal.ts'
import { createSqliteLog, type SqliteLog } from './sqlite-log.ts'

/** What a client sends beside its append frames (an array of ArrayBuffers, those of one turn). */
export type LogRequest =
  | { kind: 'register'; group: string }
  | { kind: 'committed'; group: string; partition: number; offset: number }

/** One message per commit and client. */
export interface LogAnswers {
  appended: number[]
  refused: [callId: number, result: AppendResult][]
}

export interface LogThreadData {
  file: string
  partitions?: number
  limits?: Partial<LogLimits>
}

/** From the thread's owner. */
export type LogThreadOrder = { kind: 'connect'; port: MessagePort } | { kind: 'maintain' }

/** To the thread's owner. */
export type LogThreadNews =
  | { kind: 'ready'; partitions: number; signal: SharedArrayBuffer }
  | { kind: 'refused'; reason: string }
  | { kind: 'maintained' }

if (parentPort !== null) run(parentPort, workerData as LogThreadData)

function run(owner: MessagePort, data: LogThreadData): void {
  const tell = (news: LogThreadNews): void => owner.postMessage(news)
  let log: SqliteLog
  try {
    log = createSqliteLog({
      ...data,
      wallClock: { now: Date.now },
      onAppended: (nextOffsets) => signal.publish(nextOffsets),
    })
  } catch (error) {
    tell({ kind: 'refused', reason: error instanceof Error ? error.message : String(error) })
    return
  }
  const signal = createLogSignal(log.partitions)
  signal.publish(log.nextOffsets())
  const outboxes = new Map<MessagePort, LogAnswers>()
  const commits = createGroupCommit(log, () => {
    for (const [port, answers] of outboxes) port.postMessage(answers)
    outboxes.clear()
  })
  const ports = new Set<MessagePort>()

  owner.on('message', (order: LogThreadOrder) => {
    if (order.kind === 'connect') {
      ports.add(order.port)
      order.port.on('close', () => ports.delete(order.port))
      serve(order.port, log, commits, outboxes)
    } else if (order.kind === 'maintain') {
      void commits.maintain().then(() => tell({ kind: 'maintained' }))
    }
  })
  onThreadClose(owner, () => {
    commits.close()
    for (const port of ports) port.close()
  })
  tell({ kind: 'ready', partitions: log.partitions, signal: signal.shared })
}

function serve(
  port: MessagePort,
  log: SqliteLog,
  commits: GroupCommit,
  outboxes: Map<MessagePort, LogAnswers>,
): void {
  const answer = (callId: number, result: AppendResult): void => {
    const answers = outboxes.get(port) ?? { appended: [], refused: [] }
    outboxes.set(port, answers)
    if (result.kind === 'appended') answers.appended.push(callId)
    else answers.refused.push([callId, result])
  }
  port.on('message', (message: ArrayBuffer[] | LogRequest) => {
    if (Array.isArray(message)) {
      for (const frame of message) {
        const { callId, runs } = decodeAppend(frame)
        commits.submit(runs, (result) => answer(callId, result))
      }
    } else if (message.kind === 'register') {
      log.consumed.register(message.group)
    } else {
      log.consumed.commit(message.group, message.partition, message.offset)
    }
  })
}
