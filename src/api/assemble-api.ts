import type { StoreLocation } from '#platform/store/open-store.ts'
import type { Store } from '#platform/store/store.ts'
import type { Config } from '../config.ts'
import { createIngest } from '../ingest/ingest.ts'
import type { EngineParts } from '../pipeline/engine-parts.ts'
import { createIdentities } from '../profile/identities.ts'
import { createAuth, type KeysPort } from './auth.ts'
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
  options: { config: Config; location: StoreLocation },
): Promise<ApiServer> {
  const { store, log, wallClock, logger } = parts
  const identities = createIdentities(store)
  const ingest = createIngest({ log, identities })
  const rejectedEvents = createRejectedEvents({ store, ingest, log, wallClock })
  const keys = storedKeys(store)
  const auth = createAuth({ keys, wallClock })
  const doors: Doors = { ...parts, ...options, ingest, identities, rejectedEvents, auth }
  const app = await createApi({
    ingest,
    keys,
    wallClock,
    logger,
    notReady: () => null,
    adminRoutes: adminRoutes(doors),
    publicRoutes: publicRoutes(doors),
    publicUrl: parts.settings.publicUrl,
    version,
  })
  return { listen: (at) => app.listen(at), document: () => buildOpenApi(app), close: () => app.close() }
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
