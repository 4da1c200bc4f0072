import { z } from 'zod'
import { localTimeSchema } from './treatment.ts'

export const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const
export const weekdaySchema = z.enum(weekdays)

/** On which days of a local calendar. A month without the 31st leaves it out; `last` is its last day. */
const daysSchema = z.union([
  z.strictObject({ once: z.iso.date() }),
  z.strictObject({ everyDays: z.number().int().min(1).max(366), from: z.iso.date() }),
  z.strictObject({ weekly: z.array(weekdaySchema).min(1).max(7) }),
  z.strictObject({ monthly: z.array(z.union([z.number().int().min(1).max(31), z.literal('last')])).min(1) }),
])

/** Local days at a local time. Where the clock skips the time it is the moment of the change. */
export const scheduleSchema = z.strictObject({
  on: daysSchema,
  at: localTimeSchema,
  /** Whose clock: each customer's (the workspace's where unknown), or the workspace's for all. */
  clock: z.enum(['customer', 'workspace']).default('customer'),
  /** No occurrence after this local day. */
  until: z.iso.date().exactOptional(),
})
export type Schedule = z.infer<typeof scheduleSchema>
