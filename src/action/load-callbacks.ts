import { readdir } from 'node:fs/promises'
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

/** The providers of the configuration: `{ id: { vendor, …settings of its file } }`. All faults together. */
export async function loadCallbacks(
  configured: Readonly<Record<string, { vendor: string; [setting: string]: unknown }>>,
): Promise<LoadedCallbacks> {
  const files = new Map((await callbackFiles()).map((file) => [file.vendor, file]))
  const providers = new Map<string, CallbackProvider>()
  const faults: string[] = []
  for (const [id, { vendor, ...given }] of Object.entries(configured)) {
    const file = files.get(vendor)
    if (file === undefined) {
      faults.push(`callbacks.${id}.vendor: must be one of ${[...files.keys()].join(', ')}`)
      continue
    }
    const parsed = file.settings.safeParse(given)
    if (parsed.success) providers.set(id, { id, file, settings: parsed.data })
    else
      faults.push(
        ...parsed.error.issues.map(({ path, message }) => `callbacks.${[id, ...path].join('.')}: ${message}`),
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
