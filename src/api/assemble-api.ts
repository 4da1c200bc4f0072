import { randomBytes } from 'node:crypto'
import { createInProcessProfileCache } from '#platform/cache/in-process-profile-cache.ts'
import type { StoreLocation } from '#platform/store/open-store.ts'
import type { Store } from '#platform/store/store.ts'
import type { Config } from '../config.ts'
import { createGuardrailRunner } from '../guardrails/run/evaluate.ts'
import { loadGuardrails } from '../guardrails/run/load-guardrails.ts'
import { createInbox } from '../ingest/inbox.ts'
import { createIngest, type Ingest } from '../ingest/ingest.ts'
import { createCallbackCounter } from '../pipeline/callbacks/callback-counter.ts'
import type { EngineParts } from '../pipeline/engine-parts.ts'
import { startDeadline } from '../pipeline/placement/deadline.ts'
import { createPlacementDecider } from '../pipeline/placement/decide-for-placement.ts'
import { providerLimits } from '../pipeline/provider-limits.ts'
import { createIdentities } from '../profile/identities.ts'
import { type Auth, createAuth, type KeysPort } from './auth.ts'
import { createApi } from './create-api.ts'
import type { Doors } from './doors.ts'
import { buildOpenApi } from './openapi.ts'
import { createRejectedEvents } from './rejected-events.ts'
import { adminRoutes, publicRoutes } from './routes/all-routes.ts'
import { version } from './version.ts'

export interface ApiServer {
  /** Resolves to the address it listens on. */
  listen(at: { host: string; port: number }): Promise<string>
  /** The OpenAPI document of every path. */
  document(): Promise<object>
  close(): Promise<void>
}

/** The web application of this process, made of its parts. */
export async function assembleApi(
  parts: EngineParts,
  options: { config: Config; location: StoreLocation; ailing?: () => string | null },
): Promise<ApiServer> {
  const { store, log, wallClock, logger } = parts
  const identities = createIdentities(store)
  const ingest = createIngest({ log, identities })
  const rejectedEvents = createRejectedEvents({ store, ingest, log, wallClock })
  const keys = storedKeys(store)
  const auth = createAuth({ keys, wallClock })
  const placements = createPlacementDecider({
    ...parts,
    identities,
    guardrails: createGuardrailRunner(await loadGuardrails()),
    profileCache: createInProcessProfileCache({ wallClock }),
    newKey: () => randomBytes(16).toString('hex'),
    startDeadline,
  })
  const callbackCounter = createCallbackCounter(parts)
  const doors: Doors = {
    ...parts,
    ...options,
    ingest,
    identities,
    rejectedEvents,
    auth,
    placements,
    callbackCounter,
    limits: await providerLimits(parts.settings),
  }
  const app = await createApi({
    ingest,
    keys,
    wallClock,
    logger,
    notReady: () => null,
    ...(options.ailing === undefined ? {} : { ailing: options.ailing }),
    adminRoutes: adminRoutes(doors),
    publicRoutes: publicRoutes(doors),
    publicUrl: parts.settings.publicUrl,
    version,
  })
  const inbox = readInbox({ log, ingest, auth, wallClock, logger })
  const close = async (): Promise<void> => {
    await inbox?.close()
    await app.close()
    await callbackCounter.flush()
  }
  return { listen: (at) => app.listen(at), document: () => buildOpenApi(app), close }
}

function storedKeys(store: Store): KeysPort {
  return {
    async lookup(keyHash) {
      const row = await store.read.system
        .selectFrom('api_keys')
        .select(['workspace', 'kind', 'name'])
        .where('key_hash', '=', keyHash)
        .executeTakeFirst()
      return row ?? null
    },
  }
}

/** A door without HTTP: what other systems wrote to Kafka's inbox topic. Each process reads a share of it. */
function readInbox({
  log,
  auth,
  ...parts
}: Pick<EngineParts, 'log' | 'wallClock' | 'logger'> & { ingest: Ingest; auth: Auth }) {
  const { inbox, publisher } = log
  if (inbox === undefined || publisher === undefined) return null
  const workspaceOf = async (key: string) => (await auth.find(key, 'write'))?.workspace ?? null
  return inbox.read(createInbox({ ...parts, publisher, workspaceOf }))
}
