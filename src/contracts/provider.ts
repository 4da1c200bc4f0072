import { z } from 'zod'

const perSecond = z.number().positive().max(100_000)

/**
 * One way out as an operator configures it: which kind of provider, with whose account, and how fast. `settings`
 * are the kind's own; the file of that kind checks them.
 */
export const providerSchema = z.strictObject({
  /** Names it in attempts, reports and rates. */
  id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'lower-case letters, digits and hyphens, at most 63'),
  /** `smtp`, `ses`, `twilio`, …: the name of a file in `src/action/channels/` or in `channelsDir`. */
  kind: z.string().min(1).max(63),
  /** Its share among the providers of its channel; 0: only when the others are out of order. */
  weight: z.number().min(0).max(1000).default(1),
  /** Most calls in any second, by all senders together. Default: no limit. */
  callsPerSecondMax: perSecond.exactOptional(),
  /** The same by domain of the recipient; `*` is every other domain, each by itself. */
  domainCallsPerSecondMax: z.record(z.string().min(1), perSecond).exactOptional(),
  settings: z.record(z.string(), z.json()).default({}),
  /**
   * It tells us what became of messages: what the vendor's file in `src/action/callbacks/` needs to believe it.
   * `vendor` where that is not the kind (a relay of SendGrid's by SMTP). What stands in the settings already,
   * under the same name, need not be said again.
   */
  callbacks: z.record(z.string(), z.json()).exactOptional(),
})
export type ProviderSettings = z.infer<typeof providerSchema>

/** The providers of a process; their ids differ. */
export const providersSchema = z
  .array(providerSchema)
  .max(64)
  .superRefine((providers, context) => {
    const ids = new Set<string>()
    for (const [index, { id }] of providers.entries()) {
      if (ids.has(id))
        context.addIssue({ code: 'custom', path: [index, 'id'], message: `${id} is there already` })
      ids.add(id)
    }
  })
