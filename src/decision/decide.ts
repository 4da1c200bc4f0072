import type { Decision, DecisionInput } from '#contracts/decision.ts'
import { createSeededRandom } from '#platform/random/seeded-random.ts'
import { chooseByArm, decidingExperiment } from './choose-by-arm.ts'
import { chooseByScore } from './choose-by-score.ts'
import { drawPolicyOf, policyOf } from './draw-policy.ts'
import { encodeRecord } from './encode-record.ts'
import { createWorkingSpace, findPresent, resetWorkingSpace } from './working-space.ts'

const space = createWorkingSpace()

/**
 * Chooses for one customer at one moment, and records it.
 *
 * A candidate is usable when its guardrails allow or defer it, none of its variables is missing and nobody
 * holds the customer out of its campaign. The first campaign with a fixed split that the customer is not
 * held out of decides alone, by the customer's arm; otherwise all usable candidates and "nothing" compete by
 * score under the snapshot's policy. Uniforms are drawn from a generator seeded by the decision's id: one for
 * the treatment, one for the variant, and one for the hour where the campaign leaves it open; elsewhere the
 * hour is the single slot "now, or when the deferral ends", of probability 1.
 *
 * The input decides everything: the same input gives the same choice and the same bytes.
 */
export function decide(input: DecisionInput): Decision {
  checkInput(input)
  resetWorkingSpace(space, input.candidates.length, input.campaigns.length)
  findPresent(space, input.features)
  const policy = policyOf(input.snapshot)
  space.gamma = drawPolicyOf(policy).gamma(policy, input.snapshot.t)
  // The id's second half: its first digits are the day.
  space.seedHigh = hex32At(input.decisionId, 16)
  space.seedLow = hex32At(input.decisionId, 24)
  const random = createSeededRandom(space.seedHigh, space.seedLow)
  const experiment = decidingExperiment(input)
  const choice =
    experiment < 0 ? chooseByScore(input, random, space) : chooseByArm(input, experiment, random, space)
  return { choice, record: encodeRecord(input, space, choice) }
}

function checkInput({ featureSchema, features, snapshot }: DecisionInput): void {
  if (featureSchema !== snapshot.featureSchema) {
    throw new RangeError(`features of schema ${featureSchema}, snapshot of schema ${snapshot.featureSchema}`)
  }
  if (!(snapshot.boundMicros > 0) || !(snapshot.t >= 1)) {
    throw new RangeError(`snapshot ${snapshot.snapshotId}: its bound must be above 0 and its t at least 1`)
  }
  if (features.length === 0) throw new RangeError('a feature vector has at least one dimension')
}

/** Eight hex digits of the decision's id as an unsigned number: half of the seed. */
function hex32At(decisionId: string, start: number): number {
  let value = 0
  for (let i = start; i < start + 8; i += 1) {
    const digit = hexDigitOf(decisionId.charCodeAt(i))
    if (digit > 15) throw new RangeError(`decision id ${JSON.stringify(decisionId)} is not 32 hex digits`)
    value = (value << 4) | digit
  }
  return value >>> 0
}

/** By character code; 64 marks what is no digit. */
const hexDigits = new Uint8Array(128).fill(64)
for (let digit = 0; digit < 16; digit += 1) hexDigits[digit.toString(16).charCodeAt(0)] = digit

/** Value of a lower-case hex digit; 64 for every other code unit, NaN too. */
function hexDigitOf(codeUnit: number): number {
  return codeUnit < 128 ? hexDigits[codeUnit]! : 64
}
