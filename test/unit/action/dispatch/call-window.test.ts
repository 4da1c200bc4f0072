import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createCallWindow } from '../../../../src/action/dispatch/call-window.ts'

/**
 * Model: the provider counts each call at an instant of its own between the call's begin and its end, and looks
 * at every stretch of a second (of 1 / rate seconds where the rate is below one a second).
 */
test('no second of the provider’s holds more calls than its rate, however long they take', () => {
  const asks = fc.array(
    fc.record({
      afterMs: fc.integer({ min: 0, max: 300 }),
      takesMs: fc.integer({ min: 0, max: 3000 }),
      countedAt: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    { minLength: 30, maxLength: 120 },
  )
  fc.assert(
    fc.property(asks, fc.constantFrom(0.5, 1, 1.5, 3, 7, 20), (all, perSecondMax) => {
      const window = createCallWindow(perSecondMax)
      const ends: { at: number; end: (now: number) => void }[] = []
      const counted: number[] = []
      let now = 0
      const finishUntil = (until: number) => {
        for (const due of ends.filter(({ at }) => at <= until)) {
          due.end(due.at)
          ends.splice(ends.indexOf(due), 1)
        }
      }
      for (const { afterMs, takesMs, countedAt } of all) {
        now += afterMs
        finishUntil(now)
        if (window.waitMs(now) > 0) continue
        ends.push({ at: now + takesMs, end: window.begin(now) })
        counted.push(now + takesMs * countedAt)
      }
      const most = Math.ceil(perSecondMax)
      const stretchMs = (most * 1000) / perSecondMax
      for (const from of counted) {
        expect(counted.filter((at) => at >= from && at < from + stretchMs).length).toBeLessThanOrEqual(most)
      }
    }),
    { numRuns: 300 },
  )
})

test('a steady stream of short calls gets nearly all of the rate', () => {
  const window = createCallWindow(50)
  let calls = 0
  const under: { at: number; end: (now: number) => void }[] = []
  for (let now = 0; now < 20_000; now++) {
    for (let first = under[0]; first !== undefined && first.at <= now; first = under[0]) {
      first.end(now)
      under.shift()
    }
    while (window.waitMs(now) === 0) {
      calls++
      under.push({ at: now + 20, end: window.begin(now) })
    }
  }
  // 1000 calls in 20 s at most; 1 / 1.02 of them with calls of 20 ms.
  expect(calls).toBeGreaterThan(940)
  expect(calls).toBeLessThanOrEqual(1000)
})

test('a place taken for nothing is free at once', () => {
  const window = createCallWindow(1)
  window.begin(0)(0, false)
  expect(window.waitMs(0)).toBe(0)
  window.begin(0)(10)
  expect(window.waitMs(11)).toBe(1000)
  expect(window.isIdle(11)).toBe(false)
  expect(window.isIdle(1011)).toBe(true)
})
