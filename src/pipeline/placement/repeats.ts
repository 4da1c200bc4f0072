import type { PlacementResult } from './decide-for-placement.ts'

/** Until the worker has stored it, an answer is found here by its key. */
const repeatsKeptMs = 60_000
const repeatsMax = 5_000

/** Answers of this process by the key of their request. */
export function createRepeats() {
  const known = new Map<string, { result: Promise<PlacementResult>; until: number }>()
  return {
    async once(key: string, now: number, make: () => Promise<PlacementResult>): Promise<PlacementResult> {
      const first = known.get(key)
      if (first !== undefined && first.until > now) {
        const result = await first.result
        if (result.kind === 'fault') return result
        return { ...result, answers: result.answers.map((answer) => ({ ...answer, repeated: true })) }
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
