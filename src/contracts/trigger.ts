import { z } from 'zod'
import { broadcastSchema } from './broadcast.ts'
import { conditionSchema } from './condition.ts'
import { scheduleSchema } from './schedule.ts'
import { idSchema } from './treatment.ts'

/** What makes a campaign decide about a customer. */
export const triggerSchema = z.union([
  z.strictObject({ event: z.string().min(1), where: conditionSchema.exactOptional() }),
  z.strictObject({ segmentEntered: idSchema }),
  /** Somebody asks what to show or say there: a place in an app or on a page, an operator's screen. */
  z.strictObject({
    placement: idSchema,
    /** `property` leaves look at the context of the request. */
    where: conditionSchema.exactOptional(),
    /** `offer/channel` of one of the treatments: given when the answer cannot wait for a decision. */
    default: z.string().exactOptional(),
  }),
  /** Each occurrence, for everybody in the audience. */
  z.strictObject({ schedule: scheduleSchema }),
  /**
   * `after` happened, and `event` did not within so many hours of the last time it did. Templates see `after`.
   */
  z.strictObject({
    absence: z.strictObject({
      event: z.string().min(1),
      where: conditionSchema.exactOptional(),
      after: z.string().min(1),
      afterWhere: conditionSchema.exactOptional(),
      withinHours: z
        .number()
        .positive()
        .max(24 * 366),
    }),
  }),
  /** Everybody in the audience, once, when an operator starts it. */
  z.strictObject({ broadcast: broadcastSchema }),
  /** Only what is imported enters: for recorded history. */
  z.strictObject({ imported: z.literal(true) }),
])
export type Trigger = z.infer<typeof triggerSchema>
