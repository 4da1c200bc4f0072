import type { OnePlacementResult } from './decide-for-placement.ts'
import type { PlacementAnswer } from './placement-request.ts'

/** Until the worker has stored it, an answer is found here by its key. */
const repeatsKeptMs = 60_000
const repeatsMax = 5_000

/**
 * Answers of this process by the key of their request. They are kept as bytes, outside of the collected heap:
 * as objects, 500 of 5 KB a second were moved twice before they were old, and held up the door for 10 ms a
 * second.
 */
export function createRepeats() {
  const known = new Map<string, { result: Promise<OnePlacementResult>; until: number }>()
  return {
    async once(
      key: string,
      now: number,
      make: () => Promise<OnePlacementResult>,
    ): Promise<OnePlacementResult> {
      const first = known.get(key)
      if (first !== undefined && first.until > now) {
        const result = await first.result
        if (result.kind === 'fault') return result
        const repeated = { ...answerOf(result.json), repeated: true }
        return { kind: 'answered', json: Buffer.from(JSON.stringify(repeated)) }
      }
      known.delete(key)
      if (known.size >= repeatsMax) known.delete(known.keys().next().value ?? '')
      const result = make()
      known.set(key, { result, until: now + repeatsKeptMs })
      try {
        const made = await result
        // What was refused may be tried again.
        if (made.kind === 'fault') known.delete(key)
        return made
      } catch (error) {
        known.delete(key)
        throw error
      }
    },
  }
}

export function answerOf(json: Uint8Array): PlacementAnswer {
  return JSON.parse(Buffer.from(json.buffer, json.byteOffset, json.byteLength).toString())
}
