import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { noTail } from '#contracts/feature-schema.ts'
import { createByteReader } from '#decision/byte-reader.ts'
import { createByteWriter } from '#decision/byte-writer.ts'
import { decide } from '#decision/decide.ts'
import { engineVersion } from '#decision/engine-version.ts'
import { decodeDecision } from '#decision/record.ts'
import { arbitraryInput } from './arbitrary-input.ts'
import { makeCampaign, makeInput, makeSpec, makeTreatment, suppressedBy } from './support.ts'

describe('the decision record', () => {
  it('gives back all that went in', () => {
    fc.assert(
      fc.property(arbitraryInput, (input) => {
        const { record, choice } = decide(input)
        const decoded = decodeDecision(record)
        const { workspace, decisionId, customerId, trigger, decidedAt, featureSchema } = input
        expect(decoded).toMatchObject({
          engineVersion,
          workspace,
          decisionId,
          customerId,
          trigger,
          decidedAt,
          featureSchema,
          snapshotId: input.snapshot.snapshotId,
          t: input.snapshot.t,
          boundMicros: input.snapshot.boundMicros,
          seed: decisionId.slice(16),
          choice,
        })
        // Object.is: −0 stays −0.
        expect(Array.from(decoded.features)).toEqual(Array.from(input.features))
        expect(decoded.tail).toEqual(input.tail ?? noTail)
        // Without hashed features the bytes are those of the format before.
        expect(record[0]).toBe(decoded.tail.slots.length > 0 ? 3 : 2)
        expect(decoded.campaigns).toEqual(
          input.campaigns.map(({ campaignId, version, heldOut, arm, spec }) => ({
            campaignId,
            version,
            heldOut,
            arm,
            policy: spec.policy.kind,
          })),
        )
        decoded.candidates.forEach((candidate, i) => {
          const { guardrails, ...given } = input.candidates[i]!
          expect(candidate).toMatchObject({
            campaignIndex: given.campaignIndex,
            treatmentIndex: given.treatmentIndex,
            missingVariables: given.missingVariables,
          })
          const asked = candidate.guardrails.objections.filter((o) => o.guardrail !== 'experiment')
          expect(asked).toEqual(guardrails.objections)
        })
        expect(decoded.candidates).toHaveLength(input.candidates.length)
      }),
      { numRuns: 500 },
    )
  })

  it('is compact: 20 candidates with 64 features stay well below JSON’s 3.5 kB', () => {
    const treatments = Array.from({ length: 20 }, (_, i) => makeTreatment({ offerId: `offer-${i}` }))
    const features = Float64Array.from({ length: 64 }, (_, i) => Math.sin(i + 1))
    const { record } = decide(makeInput([makeCampaign(makeSpec('big', treatments))], { features }))
    expect(record.length).toBeLessThan(2_200)
  })

  it('writes a shared objection once', () => {
    const treatments = Array.from({ length: 20 }, (_, i) => makeTreatment({ offerId: `offer-${i}` }))
    const input = makeInput([makeCampaign(makeSpec('big', treatments))])
    const shared = suppressedBy('frequency-cap')
    input.candidates = input.candidates.map((candidate) => ({ ...candidate, guardrails: shared }))
    const { record } = decide(input)
    expect(Buffer.from(record).toString('latin1').split('frequency-cap_says_no')).toHaveLength(2)
    expect(decodeDecision(record).candidates[19]!.guardrails).toEqual(shared)
  })

  it('refuses a newer format, and bytes that are no record', () => {
    const { record } = decide(makeInput([makeCampaign(makeSpec('one', [makeTreatment()]))]))
    const newer = Uint8Array.from(record)
    newer[0] = 9
    expect(() => decodeDecision(newer)).toThrow(/format 9: this engine reads up to 3/)
    expect(() => decodeDecision(new Uint8Array(4))).toThrow(/not a decision record/)
    for (let length = 0; length < record.length; length += 1) {
      expect(() => decodeDecision(record.subarray(0, length))).toThrow(RangeError)
    }
    expect(() => decodeDecision(Buffer.concat([record, Buffer.of(0)]))).toThrow(/1 bytes too many/)
  })

  it('is the caller’s to keep: the next decision does not write over it', () => {
    const input = makeInput([makeCampaign(makeSpec('one', [makeTreatment()]))])
    const { record } = decide(input)
    const copy = Uint8Array.from(record)
    for (let i = 0; i < 50; i += 1) decide({ ...input, workspace: `other-${i}` })
    expect(Buffer.compare(record, copy)).toBe(0)
  })
})

describe('bytes', () => {
  it('come back as written', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme', maxLength: 300 }), { maxLength: 40 }),
        fc.array(fc.nat(Number.MAX_SAFE_INTEGER)),
        fc.array(fc.double()),
        (texts, numbers, doubles) => {
          const writer = createByteWriter()
          writer.start()
          for (const text of texts) writer.text(text)
          for (const text of texts) writer.id(text)
          for (const number of numbers) writer.varint(number)
          for (const double of doubles) writer.f64(double)
          writer.f64s(Float64Array.from(doubles), doubles.length)
          const reader = createByteReader(writer.finish())
          expect(texts.map(() => reader.text())).toEqual(texts)
          expect(texts.map(() => reader.id())).toEqual(texts)
          expect(numbers.map(() => reader.varint())).toEqual(numbers)
          expect(doubles.map(() => reader.f64())).toEqual(doubles)
          expect(doubles.map(() => reader.f64())).toEqual(doubles)
          expect(reader.left()).toBe(0)
        },
      ),
    )
  })

  it('keep ids and texts of any length and script', () => {
    const roundTrip = (value: string) => {
      const writer = createByteWriter()
      writer.start()
      writer.id(value)
      writer.text(value)
      const reader = createByteReader(writer.finish())
      expect([reader.id(), reader.text(), reader.left()]).toEqual([value, value, 0])
    }
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.string({ unit: 'binary-ascii', maxLength: 200 }),
    )
    fc.assert(fc.property(text, (value) => roundTrip(value.toWellFormed())))
    for (const length of [0, 12, 13, 42, 43, 127, 128]) {
      roundTrip('a'.repeat(length))
      roundTrip('\u4e2d'.repeat(length))
    }
  })

  it('read the 16 raw bytes that older engines wrote for 32 hex digits', () => {
    const id = '0123456789abcdef0123456789abcdef'
    expect(createByteReader(Uint8Array.of(1, ...Buffer.from(id, 'hex'))).id()).toBe(id)
  })
})
