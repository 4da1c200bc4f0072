import type { GuardrailOutcome, Verdict, VerdictInputs } from '#contracts/guardrail.ts'
import type { ByteWriter } from './byte-writer.ts'
import { dictionaryMax, inputCode, verdictCode } from './record-format.ts'

export const newOutcomeCode = 1

export interface OutcomeEncoder {
  /** Forgets the last record's texts and outcomes. */
  start(): void
  /** 0 for allowed, 1 for a new one, which `write` must follow, else the number of a known one + 2. */
  codeOf(outcome: GuardrailOutcome): number
  write(outcome: GuardrailOutcome): void
}

/**
 * Writes guardrail outcomes. Candidates that share an outcome (the same object: the guardrails judge a
 * campaign's treatments in a channel once) share its bytes, and a name or reason is written once a record.
 */
export function createOutcomeEncoder(writer: ByteWriter): OutcomeEncoder {
  const texts: string[] = []
  const outcomes: GuardrailOutcome[] = []

  const ref = (text: string): void => {
    const known = texts.indexOf(text)
    writer.varint(known + 1)
    if (known >= 0) return
    writer.text(text)
    if (texts.length < dictionaryMax) texts.push(text)
  }
  const inputs = (values: VerdictInputs): void => {
    const keys = Object.keys(values)
    writer.varint(keys.length)
    for (const key of keys) {
      ref(key)
      const value = values[key]
      if (typeof value === 'number') {
        writer.u8(inputCode.number)
        writer.f64(value)
      } else if (typeof value === 'string') {
        writer.u8(inputCode.text)
        ref(value)
      } else {
        writer.u8(value === true ? inputCode.true : inputCode.false)
      }
    }
  }
  const verdict = (judged: Exclude<Verdict, { kind: 'allow' }>): void => {
    writer.u8(verdictCode[judged.kind])
    if (judged.kind === 'defer') writer.f64(judged.untilMs)
    ref(judged.reason)
    inputs(judged.inputs)
  }
  const newOutcome = ({ verdict: winner, by, objections }: GuardrailOutcome): void => {
    ref(by)
    writer.varint(objections.length)
    let winnerAt = -1
    for (let i = 0; i < objections.length; i += 1) {
      const objection = objections[i]!
      ref(objection.guardrail)
      verdict(objection.verdict)
      if (winnerAt < 0 && objection.verdict === winner) winnerAt = i
    }
    if (winner.kind === 'allow') {
      writer.varint(0)
    } else if (winnerAt >= 0) {
      writer.varint(winnerAt + 1)
    } else {
      writer.varint(objections.length + 1)
      verdict(winner)
    }
  }
  return {
    start() {
      // Where all was allowed, as mostly, there is nothing to forget: cutting an array is a runtime call.
      if (texts.length > 0) texts.length = 0
      if (outcomes.length > 0) outcomes.length = 0
    },
    codeOf(outcome) {
      if (outcome.objections.length === 0 && outcome.verdict.kind === 'allow' && outcome.by === '') return 0
      const known = outcomes.indexOf(outcome)
      if (known >= 0) return known + 2
      outcomes.push(outcome)
      return newOutcomeCode
    },
    write: newOutcome,
  }
}
