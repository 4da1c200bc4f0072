import { readdir } from 'node:fs/promises'
import type { ProviderSettings } from '#contracts/provider.ts'
import type { CallbackFile } from './callback-file.ts'

/** A provider that calls us back, with what its vendor's file needs. */
export interface CallbackProvider {
  id: string
  file: CallbackFile
  settings: unknown
}

export type LoadedCallbacks =
  | { kind: 'loaded'; providers: ReadonlyMap<string, CallbackProvider> }
  | { kind: 'faults'; faults: string[] }

/**
 * The providers that call back. `callbacks` says how; without it a provider does whose kind is a vendor's and
 * whose own settings have all that its callbacks need (Twilio signs with the token that we sign in with). All
 * faults together.
 */
export async function loadCallbacks(configured: readonly ProviderSettings[]): Promise<LoadedCallbacks> {
  const files = new Map((await callbackFiles()).map((file) => [file.vendor, file]))
  const providers = new Map<string, CallbackProvider>()
  const faults: string[] = []
  for (const { id, kind, settings, callbacks } of configured) {
    const { vendor = kind, ...given } = callbacks ?? {}
    const file = files.get(String(vendor))
    if (file === undefined) {
      if (callbacks !== undefined)
        faults.push(`providers: ${id}: callbacks.vendor: must be one of ${[...files.keys()].join(', ')}`)
      continue
    }
    const shared = Object.entries(settings).filter(([name]) => Object.hasOwn(file.settings.shape, name))
    const parsed = file.settings.safeParse({ ...Object.fromEntries(shared), ...given })
    if (parsed.success) providers.set(id, { id, file, settings: parsed.data })
    else if (callbacks !== undefined)
      faults.push(
        ...parsed.error.issues.map(
          ({ path, message }) => `providers: ${[`${id}: callbacks`, ...path].join('.')}: ${message}`,
        ),
      )
  }
  return faults.length > 0 ? { kind: 'faults', faults } : { kind: 'loaded', providers }
}

/** Every file of `callbacks/`, by name. */
export async function callbackFiles(): Promise<CallbackFile[]> {
  const folder = new URL('./callbacks/', import.meta.url)
  const files = (await readdir(folder)).filter((file) => /(?<!\.d)\.[tj]s$/.test(file)).sort()
  return await Promise.all(
    files.map(async (file) => {
      const module = (await import(new URL(file, folder).href)) as { callback?: CallbackFile }
      if (module.callback === undefined) throw new Error(`callbacks/${file} exports no callback`)
      return module.callback
    }),
  )
}
