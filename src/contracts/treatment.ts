import { z } from 'zod'

/** Ids people choose: used in keys, links and file names. */
export const idSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'lower-case letters, digits and hyphens, at most 63')

/** An amount in the workspace's reporting currency unless a currency is named: 12.5 is 12 units and a half. */
export const amountSchema = z.number().min(0).max(1_000_000_000)

export const localTimeSchema = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'HH:MM, 24 hours')

export const channelSchema = z.enum(['email', 'sms', 'push', 'in-app', 'webhook'])
export type ChannelName = z.infer<typeof channelSchema>

/** An offer in a channel, with its creatives. */
export const treatmentSchema = z.strictObject({
  offer: idSchema,
  channel: channelSchema,
  /** Cost of one send. */
  cost: amountSchema.default(0),
  /** The marketer's bounded push: multiplies the value. */
  lever: z.number().min(0.1).max(10).default(1),
  variants: z
    .array(z.strictObject({ id: idSchema, template: idSchema, weight: z.number().positive().default(1) }))
    .min(1)
    .max(20),
})
