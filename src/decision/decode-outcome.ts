import { allow, type GuardrailOutcome, type Verdict, type VerdictInputs } from '#contracts/guardrail.ts'
import type { ByteReader } from './byte-reader.ts'
import { dictionaryMax, inputCode, verdictCode } from './record-format.ts'

type Objecting = Exclude<Verdict, { kind: 'allow' }>

/** Reads what an `OutcomeEncoder` wrote; outcomes that were one object are one object again. */
export function createOutcomeDecoder(reader: ByteReader): { outcome(): GuardrailOutcome } {
  const texts: string[] = []
  const outcomes: GuardrailOutcome[] = []

  const ref = (): string => {
    const known = reader.varint()
    if (known > 0) return at(texts, known - 1)
    const text = reader.text()
    if (texts.length < dictionaryMax) texts.push(text)
    return text
  }
  const inputValue = (): string | number | boolean => {
    const code = reader.u8()
    if (code === inputCode.number) return reader.f64()
    if (code === inputCode.text) return ref()
    return code === inputCode.true
  }
  const inputs = (): VerdictInputs => {
    const count = reader.varint()
    const entries: [string, string | number | boolean][] = []
    for (let i = 0; i < count; i += 1) entries.push([ref(), inputValue()])
    return Object.fromEntries(entries)
  }
  const verdict = (): Objecting => {
    if (reader.u8() === verdictCode.suppress) return { kind: 'suppress', reason: ref(), inputs: inputs() }
    const untilMs = reader.f64()
    return { kind: 'defer', untilMs, reason: ref(), inputs: inputs() }
  }
  const newOutcome = (): GuardrailOutcome => {
    const by = ref()
    const count = reader.varint()
    const objections: GuardrailOutcome['objections'] = []
    for (let i = 0; i < count; i += 1) objections.push({ guardrail: ref(), verdict: verdict() })
    const winner = reader.varint()
    if (winner === 0) return { verdict: allow, by, objections }
    return { verdict: winner > count ? verdict() : at(objections, winner - 1).verdict, by, objections }
  }
  return {
    outcome() {
      const known = reader.varint()
      // One of its own: candidates that shared an outcome stand in one run, and others must not join it.
      if (known === 0) return { verdict: allow, by: '', objections: [] }
      if (known > 1) return at(outcomes, known - 2)
      const outcome = newOutcome()
      outcomes.push(outcome)
      return outcome
    },
  }
}

function at<T>(values: readonly T[], index: number): T {
  const value = values[index]
  if (value === undefined)
    throw new RangeError(`the decision record refers to entry ${index} of ${values.length}`)
  return value
}
