import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { CampaignSpec } from '#contracts/campaign.ts'
import type { DecisionChoice, PolicySnapshot } from '#contracts/decision.ts'
import { decodeDecision } from '#decision/record.ts'
import { checkReplay, replayDecision } from '#decision/replay.ts'

interface Golden {
  snapshot: Omit<PolicySnapshot, 'heads'> & { heads: Record<string, number[]> }
  decisions: {
    campaigns: { campaignId: string; version: number; spec: string }[]
    choice: DecisionChoice
    record: string
  }[]
  specs: Record<string, CampaignSpec>
}

const golden = JSON.parse(readFileSync(new URL('records-v1.json', import.meta.url), 'utf8')) as Golden
const snapshot: PolicySnapshot = {
  ...golden.snapshot,
  heads: new Map(
    Object.entries(golden.snapshot.heads).map(([key, weights]) => [key, Float64Array.from(weights)]),
  ),
}

describe.each(golden.decisions.map((decision, index) => ({ index, ...decision })))(
  'record $index of format 1',
  ({ campaigns: named, choice, record: hex }) => {
    const record = Uint8Array.from(Buffer.from(hex, 'hex'))
    const campaigns = named.map(({ spec, ...campaign }) => ({ ...campaign, spec: golden.specs[spec]! }))

    it('is read, with what the older release left unsaid', () => {
      const decoded = decodeDecision(record)
      expect(decoded.engineVersion).toMatch(/^1\+/)
      expect(decoded).toMatchObject({ choice, policy: 'inverse-gap', variantId: '', sendTime: null })
      expect(decoded.gamma).toBe(1_000 * Math.sqrt(12.25))
    })

    it('replays to the same choice with the same probabilities, of an older engine', () => {
      expect(checkReplay(record, { snapshot, campaigns })).toMatchObject({
        kind: 'other-engine',
        choiceEqual: true,
      })
      const replayed = decodeDecision(replayDecision(record, { snapshot, campaigns }))
      const { engineVersion: _, variantId: __, ...same } = replayed
      const { engineVersion: ___, variantId: ____, ...before } = decodeDecision(record)
      expect(same).toEqual(before)
    })
  },
)
