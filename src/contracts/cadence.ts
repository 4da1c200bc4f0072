import { z } from 'zod'
import { conditionSchema } from './condition.ts'
import { weekdaySchema } from './schedule.ts'
import { idSchema, localTimeSchema, treatmentSchema } from './treatment.ts'

/**
 * A wait of hours or days of 24 hours; or until the customer's clock shows a time: today if that is still to
 * come and `days` is left out, else so many calendar days later, and there on the first of `weekdays`.
 */
const waitSchema = z.union([
  z.strictObject({
    hours: z
      .number()
      .positive()
      .max(24 * 366),
  }),
  z.strictObject({ days: z.number().positive().max(366) }),
  z.strictObject({
    untilLocal: localTimeSchema,
    days: z.number().int().min(1).max(366).exactOptional(),
    weekdays: z.array(weekdaySchema).min(1).max(7).exactOptional(),
  }),
])
export type Wait = z.infer<typeof waitSchema>

/** What came of the journey so far: of its touches, of the goal, of the customer. */
const outcomeSchema = z.union([
  z.strictObject({ clicked: idSchema }),
  z.strictObject({ opened: idSchema }),
  z.strictObject({ converted: z.literal(true) }),
  /** Since the entry, or since a step was passed. */
  z.strictObject({
    event: z.string().min(1),
    where: conditionSchema.exactOptional(),
    since: idSchema.exactOptional(),
  }),
  z.strictObject({ condition: conditionSchema }),
])
export type BranchOutcome = z.infer<typeof outcomeSchema>

/** One step as people write it. A touch is a decision: the best of its treatments, or none. */
export type Step<Touch = { treatments: z.infer<typeof treatmentSchema>[] }> =
  | { id: string; touch: Touch }
  | { id: string; wait: Wait }
  | { id: string; branch: { when: BranchOutcome; steps: Step<Touch>[] }[]; otherwise: Step<Touch>[] }

const stepsMax = 100

export const stepSchema: z.ZodType<Step> = z.lazy(() =>
  z.union([
    z.strictObject({
      id: idSchema,
      touch: z.strictObject({ treatments: z.array(treatmentSchema).min(1).max(20) }),
    }),
    z.strictObject({ id: idSchema, wait: waitSchema }),
    z.strictObject({
      id: idSchema,
      branch: z
        .array(z.strictObject({ when: outcomeSchema, steps: z.array(stepSchema).max(stepsMax) }))
        .min(1)
        .max(10),
      otherwise: z.array(stepSchema).max(stepsMax).default([]),
    }),
  ]),
)

export const stepsSchema = z.array(stepSchema).min(1).max(stepsMax)

export const exitSchema = z.strictObject({
  /** Who meets the campaign's goal leaves. */
  onGoal: z.boolean().default(true),
  /** Events that end the journey at once. */
  on: z
    .array(z.strictObject({ event: z.string().min(1), where: conditionSchema.exactOptional() }))
    .max(20)
    .default([]),
  /** Asked before each step. */
  when: conditionSchema.exactOptional(),
})
export type Exit = z.infer<typeof exitSchema>

/** Whether somebody who has been through may enter again; never while inside. */
export const reentrySchema = z.union([
  z.literal('never'),
  z.literal('always'),
  /** So long after the last journey's end. */
  z.strictObject({ afterDays: z.number().positive().max(3650) }),
])
export type Reentry = z.infer<typeof reentrySchema>

/**
 * What a new version does with those inside an older one: they finish that one, move to the step of the same
 * id, or leave.
 */
export const insideRuleSchema = z.enum(['finish', 'move', 'leave'])
export type InsideRule = z.infer<typeof insideRuleSchema>

/** The steps of a campaign version, resolved: a touch names treatments of the campaign's own list. */
export interface CadenceSpec {
  steps: Step<{ treatmentIds: string[] }>[]
  exit: Exit
  reentry: Reentry
  inside: InsideRule
}
export type StepSpec = CadenceSpec['steps'][number]
