import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type DecisionInput, headKey } from '#contracts/decision.ts'
import { decide } from '#decision/decide.ts'
import { engineVersion } from '#decision/engine-version.ts'
import { checkReplay, replayDecision } from '#decision/replay.ts'
import { arbitraryInput } from './arbitrary-input.ts'
import { logit, makeCampaign, makeInput, makeSnapshot, makeSpec, makeTreatment } from './support.ts'

const input = makeInput([makeCampaign(makeSpec('welcome', [makeTreatment()]), { version: 3 })], {
  snapshot: makeSnapshot({ welcome: { 'ten-percent/email': [logit(0.3), 0.2] } }),
})

describe('a replay', () => {
  it('gives the same bytes, whatever was decided in between', () => {
    const before: DecisionInput[] = []
    fc.assert(
      fc.property(arbitraryInput, (given) => {
        const { record } = decide(given)
        for (const earlier of before) decide(earlier)
        before.splice(0, 1, given)
        const replayed = replayDecision(record, { snapshot: given.snapshot, campaigns: given.campaigns })
        expect(Buffer.compare(replayed, record)).toBe(0)
      }),
      { numRuns: 1_000 },
    )
  })

  it('shows a weight that was changed by the last bit but a few', () => {
    const { record } = decide(input)
    const heads = new Map(input.snapshot.heads)
    heads.set(headKey('welcome', 'ten-percent/email'), Float64Array.of(logit(0.3) * (1 + 1e-14), 0.2))
    const sources = { snapshot: { ...input.snapshot, heads }, campaigns: input.campaigns }
    expect(Buffer.compare(replayDecision(record, sources), record)).not.toBe(0)
    expect(checkReplay(record, sources)).toEqual({ kind: 'different' })
    expect(checkReplay(record, { snapshot: input.snapshot, campaigns: input.campaigns })).toEqual({
      kind: 'equal',
    })
  })

  it('refuses another snapshot or campaign version than the record names', () => {
    const { record } = decide(input)
    const { snapshot, campaigns } = input
    expect(() => replayDecision(record, { snapshot: { ...snapshot, snapshotId: 'x' }, campaigns })).toThrow(
      /not x/,
    )
    const older = [{ ...campaigns[0]!, version: 2 }]
    expect(() => replayDecision(record, { snapshot, campaigns: older })).toThrow(/in version 3/)
    expect(() => replayDecision(record, { snapshot, campaigns: [] })).toThrow(/welcome/)
  })

  it('judges a record of another engine by its choice', () => {
    const record = Uint8Array.from(decide(input).record)
    // Byte 0 is the format, byte 1 the length of the engine's version.
    record[2] = '0'.charCodeAt(0)
    const result = checkReplay(record, { snapshot: input.snapshot, campaigns: input.campaigns })
    expect(result).toEqual({
      kind: 'other-engine',
      engineVersion: `0${engineVersion.slice(1)}`,
      choiceEqual: true,
    })
  })
})
