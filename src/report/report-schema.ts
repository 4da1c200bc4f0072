import { z } from 'zod'

/** Both ends in the unit of the estimate. */
const intervalSchema = z.strictObject({ lower: z.number(), upper: z.number() })

const verdictCodeSchema = z.enum([
  /** The groups are not the sizes that were planned: nothing is said. */
  'withheld',
  /** Nobody is held out and there is no control arm: nothing to compare with. */
  'no-holdout',
  'no-customers',
  /** A running campaign: the interval that stays valid under peeking needs more data. */
  'too-early',
  /** An ended campaign: it stayed too small to judge. */
  'too-few',
  'adds',
  'takes-away',
  /** By itself a difference, but not with all comparisons of the report taken together. */
  'not-after-correction',
  'no-difference-shown',
])
export type VerdictCode = z.infer<typeof verdictCodeSchema>

const verdictSchema = z.strictObject({ code: verdictCodeSchema, sentence: z.string() })
export type ReportVerdict = z.infer<typeof verdictSchema>

/** An estimate with both of its 95 % intervals. */
const effectSchema = z.strictObject({
  estimate: z.number(),
  standardError: z.number(),
  /** Pooled z for rates, Welch's t for values, t for relative lifts. */
  statistic: z.number(),
  /** Of a t; null for a z. */
  degreesOfFreedom: z.number().nullable(),
  p: z.number(),
  /** Fixed-horizon: right for one look, at the end that was planned. Newcombe for rates, Welch for values. */
  fixed: intervalSchema,
  /** Anytime-valid: right however often somebody looks. Null while `guard` is not `ok`. */
  anytime: intervalSchema.nullable(),
  anytimeP: z.number().nullable(),
})
export type Effect = z.infer<typeof effectSchema>

/** Estimate times the treated customers: what the treatment brought in all so far. */
const incrementalSchema = z.strictObject({
  estimate: z.number(),
  fixed: intervalSchema,
  anytime: intervalSchema.nullable(),
})
export type Incremental = z.infer<typeof incrementalSchema>

const shortfallSchema = z.strictObject({
  groupId: z.string(),
  what: z.enum(['conversions', 'non-conversions', 'payers']),
  has: z.number().int(),
  needs: z.number().int(),
})

/** Whether there is enough data for the anytime-valid interval, else what is missing. */
const guardSchema = z.strictObject({
  status: z.enum(['ok', 'too-early', 'no-spread']),
  missing: z.array(shortfallSchema),
})
export type MeasureGuard = z.infer<typeof guardSchema>

const measureSchema = z.strictObject({
  /** Treated minus control: share of customers, or units of `currency` per customer. */
  difference: effectSchema.nullable(),
  /** Treated over control minus 1: .07 is 7 % more. Null while the control has nothing. */
  relative: effectSchema.nullable(),
  /** Conversions, or units of `currency`. */
  incremental: incrementalSchema.nullable(),
  guard: guardSchema,
  /** p of the shown interval, Holm-adjusted over the groups × goals × measures compared; null without one. */
  holmP: z.number().nullable(),
  verdict: verdictSchema,
})
export type Measure = z.infer<typeof measureSchema>

/** One group's numbers for one goal. Conversions are customers who converted at least once. */
const groupResultSchema = z.strictObject({
  groupId: z.string(),
  customers: z.number().int(),
  conversions: z.number().int(),
  /** Conversions over customers; 0 without customers. */
  rate: z.number(),
  /** Wilson, 95 %. */
  rateInterval: intervalSchema,
  /** Customers with a value above 0. */
  payers: z.number().int(),
  /** Units of `currency`. */
  valueSum: z.number(),
  valuePerCustomer: z.number(),
  /** Of one customer's value, squared units; n − 1. */
  valueVariance: z.number(),
})
export type GroupResult = z.infer<typeof groupResultSchema>

const goalComparisonSchema = z.strictObject({
  goalId: z.string(),
  treated: groupResultSchema,
  control: groupResultSchema,
  rate: measureSchema,
  /** Null where the goal has no value. */
  value: measureSchema.nullable(),
})
export type GoalComparison = z.infer<typeof goalComparisonSchema>

const comparisonSchema = z.strictObject({
  /** `holdout`: everybody treated against the held out. `arm`: one arm against the control arm. */
  kind: z.enum(['holdout', 'arm']),
  treatedId: z.string(),
  controlId: z.string(),
  goals: z.array(goalComparisonSchema),
})
export type Comparison = z.infer<typeof comparisonSchema>

const sampleRatioSchema = z.strictObject({
  kind: z.enum(['holdout', 'arm']),
  groups: z.array(
    z.strictObject({ groupId: z.string(), customers: z.number().int(), expectedCustomers: z.number() }),
  ),
  chiSquare: z.strictObject({
    /** Null where it is infinite: somebody is in a group of share 0. */
    statistic: z.number().nullable(),
    degreesOfFreedom: z.number().int(),
    p: z.number(),
  }),
  /** Dirichlet-multinomial, of this look: valid whenever somebody looks. */
  sequentialP: z.number(),
  /** The one that decides: sequential while the campaign runs. */
  decidedBy: z.enum(['sequential', 'chi-square']),
  /** p < .001: verdicts on these groups are withheld. */
  mismatch: z.boolean(),
})
export type SampleRatio = z.infer<typeof sampleRatioSchema>

/** What an experiment's stopping rule says now; only a person acts on it. */
const stoppingSchema = z.strictObject({
  code: z.enum([
    'keep-on',
    /** `arm` is better than the control: ship it. */
    'ship',
    /** `arm` is worse than the control: end it. */
    'harm',
    /** Its time is over and no arm was shown to be better. */
    'no-winner',
    /** The arms are not the sizes that were planned. */
    'withheld',
  ]),
  /** '' where it is about none. */
  arm: z.string(),
  sentence: z.string(),
})
export type Stopping = z.infer<typeof stoppingSchema>

const fairnessCheckSchema = z.strictObject({
  /** A trait. */
  attribute: z.string(),
  /** '': any treatment of the campaign. */
  treatmentId: z.string(),
  /** The highest rate first. */
  groups: z.array(
    z.strictObject({
      /** '': customers whose value is unknown; they are not judged. */
      value: z.string(),
      /** Who may be treated: the held out are not among them. */
      customers: z.number().int(),
      /** Of these, whom it was sent or shown to. */
      treated: z.number().int(),
      rate: z.number(),
      /** Over the highest group's rate; null where it is not judged. */
      ratio: z.number().nullable(),
      /** Of the difference from the highest group, Holm-adjusted; null where none was tested. */
      holmP: z.number().nullable(),
      warning: z.boolean(),
    }),
  ),
})
export type FairnessCheck = z.infer<typeof fairnessCheckSchema>

const funnelSchema = z.strictObject({
  /**
   * Decisions for the campaign's customers from their entry on, by outcome. `treatment-elsewhere`: another
   * campaign's treatment was chosen.
   */
  decisions: z.record(z.string(), z.number().int()),
  /** Candidates that each guardrail excluded in those decisions, of all campaigns that took part in them. */
  exclusions: z.record(z.string(), z.number().int()),
  /** The campaign's messages by state. */
  messages: z.record(z.string(), z.number().int()),
  /** Sent messages by treatment. */
  sentByTreatment: z.record(z.string(), z.number().int()),
  clicks: z.number().int(),
  messagesClicked: z.number().int(),
  /** Of messages sending, sent or unknown. */
  costMicros: z.number(),
})
export type Funnel = z.infer<typeof funnelSchema>

/**
 * A campaign's uplift, by intention to treat. Instants are milliseconds UTC; values are in units of
 * `currency`; no number is rounded.
 */
export const upliftReportSchema = z.strictObject({
  campaignId: z.string(),
  name: z.string(),
  version: z.number().int(),
  state: z.enum(['draft', 'in-review', 'approved', 'live', 'paused', 'ended']),
  generatedAt: z.number().int(),
  /** ISO 4217: the workspace's reporting currency. */
  currency: z.string(),
  /** Intervals are at 1 − alpha. */
  alpha: z.number(),
  /** Which interval verdicts rest on: `anytime` while the campaign runs, `fixed` when it has ended. */
  shown: z.enum(['anytime', 'fixed']),
  headline: z.strictObject({ code: verdictCodeSchema, sentences: z.array(z.string()) }),
  population: z.strictObject({
    customers: z.number().int(),
    treated: z.number().int(),
    heldOut: z.number().int(),
    /** Customers whose window of the main goal is still open: their conversions may yet come. */
    windowOpen: z.number().int(),
    firstEnteredAt: z.number().int().nullable(),
    lastEnteredAt: z.number().int().nullable(),
  }),
  /** The main goal first. */
  goals: z.array(
    z.strictObject({
      goalId: z.string(),
      event: z.string(),
      windowHours: z.number(),
      hasValue: z.boolean(),
    }),
  ),
  sampleRatios: z.array(sampleRatioSchema),
  comparisons: z.array(comparisonSchema),
  /** Null without an experiment that has a stopping rule, and when it is over. */
  stopping: stoppingSchema.nullable(),
  /** Treatment rates by the attributes that the campaign watches over; empty where it names none. */
  fairness: z.array(fairnessCheckSchema),
  funnel: funnelSchema,
  /** What a reader should know before believing the rest. */
  notes: z.array(z.string()),
})
export type UpliftReport = z.infer<typeof upliftReportSchema>
