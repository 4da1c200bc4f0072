import { describe, expect, test } from 'vitest'
import { limitRate } from '#action/limit-rate.ts'
import type { OutgoingMessage, SendResult } from '#contracts/message.ts'
import type { Rate, TakeResult } from '#contracts/rate-limit.ts'

const sent: SendResult = { kind: 'sent', providerMessageId: '1' }
const message = { messageId: 'm1' } as OutgoingMessage

describe('a provider with a rate', () => {
  /** Pauses pass at once; `calls` are the instants at which the provider was called. */
  const run = async (answers: TakeResult[], callsPerSecondMax?: number) => {
    let now = 0
    const calls: number[] = []
    const asked: number[] = []
    const bucket = {
      async take(_rate: Rate, _count: number, waitMaxMs: number): Promise<TakeResult> {
        asked.push(waitMaxMs)
        return answers[Math.min(asked.length, answers.length) - 1] as TakeResult
      },
    }
    const channel = {
      id: 'smtp',
      weight: 1,
      resends: false,
      ...(callsPerSecondMax === undefined ? {} : { callsPerSecondMax }),
      async send() {
        calls.push(now)
        return sent
      },
      async close() {},
    }
    const set = { real: new Map([['email' as const, [channel]]]), outbox: channel, async close() {} }
    const pause = async (ms: number): Promise<void> => {
      now += ms
    }
    const limited = limitRate(set, { bucket, pause })
    return { result: await limited.real.get('email')![0]!.send(message), calls, asked }
  }

  test('is called when its turn comes', async () => {
    const { result, calls } = await run([{ kind: 'granted', afterMs: 300 }], 10)
    expect(result).toEqual(sent)
    expect(calls).toEqual([300])
  })

  test('is asked for again within the longest wait, which shrinks', async () => {
    const { calls, asked } = await run(
      [
        { kind: 'wait', retryAfterMs: 1000 },
        { kind: 'granted', afterMs: 200 },
      ],
      10,
    )
    expect(asked).toEqual([5000, 4000])
    expect(calls).toEqual([1200])
  })

  test('is never called while nobody grants: the message is queued again after seconds, not at once', async () => {
    const { result, calls, asked } = await run([{ kind: 'wait', retryAfterMs: 1000 }], 10)
    expect(calls).toEqual([])
    expect(result).toEqual({ kind: 'throttled', retryAfterMs: 10_000 })
    expect(asked).toHaveLength(5)
  })

  test('without a rate is called at once', async () => {
    const { calls, asked } = await run([{ kind: 'wait', retryAfterMs: 1000 }])
    expect(calls).toEqual([0])
    expect(asked).toEqual([])
  })
})
