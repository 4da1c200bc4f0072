import { z } from 'zod'
import { idSchema } from './campaign.ts'

/** What a training is asked for. */
export const networkRequestSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('propensity'),
    /** Whose conversion is predicted. Default: the first goal of the workspace by id. */
    goal: idSchema.exactOptional(),
    /** How far ahead conversion and churn are predicted. */
    horizonDays: z.number().int().min(1).max(365).default(30),
    seed: z.number().int().min(0).max(0xffffffff).default(1),
  }),
  z.strictObject({
    kind: z.literal('uplift'),
    /** Campaign with a holdout: its goal, with its messages and without. */
    campaign: idSchema,
    seed: z.number().int().min(0).max(0xffffffff).default(1),
  }),
])
export type NetworkRequest = z.output<typeof networkRequestSchema>

export type NetworkState = 'queued' | 'training' | 'ready' | 'failed'

export interface NetworkProgress {
  /** In words: reading customers, training, … */
  stage: string
  done: number
  total: number
  /** Of a failed one. */
  reason?: string
}
