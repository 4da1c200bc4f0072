import type { DecisionTrigger } from '#contracts/decision.ts'

/**
 * Layout of a decision record, in order. `text` is UTF-8 with its length, `id` u8 0 and a text (u8 1 and 16
 * raw bytes, where an older engine found 32 hex digits), `n` a varint, `f64` a little-endian double with all its bits, `ref` a text of the record's own
 * dictionary: 0 and the text the first time, its number + 1 afterwards.
 *
 *     u8 format version, text engine version
 *     text workspace, text feature schema, id snapshot, f64 t, u8 policy, f64 γ, f64 bound
 *     in micros
 *     id decision, id customer, u8 trigger kind, id trigger, n step, f64 decidedAt, u32 u32 seed
 *     n features, a bit for each that is not +0 (lowest first), f64 of those
 *     [in format 3: n hashed features, each one's n slots after the one before (the first: after 0), then u8 1
 *         where all are 1, else 0 and f64 of each]
 *     n campaigns: text id, n version, u8 flags (1 held out, 2 fixed split), text arm
 *     n candidates, in runs of one campaign and rising treatments: n length, n campaign, n first treatment,
 *         u8 flags, outcome, [f64 share of its arms], [n missing variables: text]
 *     if there are scored candidates: u8, a bit for each of P, P₀, fatigue, value, lever, cost, score,
 *         probability (lowest first) that is the same for all of them, then each in turn: f64 where it is,
 *         else f64 of every one
 *     f64 probability of nothing
 *     u8 choice: treatment: n candidate, n variants: f64 probability, n variant, [if there are several: text
 *         variant], n hour slots, [if there are any: text cohort, n events of the customer, n slot, each slot's
 *         n ms after decidedAt, u8 hour of the week, n events in that hour, then each one's f64 probability],
 *         f64 propensity, f64 dueAt; nothing: f64 propensity
 *
 *     outcome: n: 0 allowed, 1 a new one follows, k + 2 the k-th new one of this record again
 *         ref by, n objections: ref guardrail, verdict; n: 0 allow, k + 1 the k-th objection's verdict,
 *         last + 1 another verdict, which follows
 *     verdict: u8 1 defer (f64 untilMs) or 2 suppress, ref reason, n inputs: ref key, u8 type, value
 *
 * Format 1 had no policy (it was inverse-gap weighting), no text variant, and for the hour slots one f64, 1.
 * Format 2 has no hashed features; a decision without any is written in it still, so that its bytes are what
 * they were. A reader refuses a newer format version and reads every older one.
 */
export const recordFormatVersion = 3
/** Of a decision without hashed features. */
export const recordFormatWithoutTail = 2

export const triggerKinds: readonly DecisionTrigger['kind'][] = [
  'event',
  'segment',
  'timer',
  'request',
  'import',
]
export const choiceKinds = ['treatment', 'nothing', 'held-out', 'none-eligible'] as const

export const campaignFlag = { heldOut: 1, fixedSplit: 2 } as const
/** The two bits from `experimentShift` on hold the experiment's reason. */
export const candidateFlag = { scored: 1, missing: 2, probability: 4 } as const
export const experimentShift = 3

export const verdictCode = { defer: 1, suppress: 2 } as const
export const inputCode = { false: 0, true: 1, number: 2, text: 3 } as const

/** Texts after this many new ones are written out: the search for a text is linear. */
export const dictionaryMax = 256
