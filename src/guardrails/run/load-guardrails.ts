import { readdir } from 'node:fs/promises'
import type { Guardrail } from '#contracts/guardrail.ts'

/** Every guardrail of the folder above, by name: adding a file adds a guardrail. */
export async function loadGuardrails(): Promise<Guardrail[]> {
  const folder = new URL('../', import.meta.url)
  const files = await readdir(folder, { withFileTypes: true })
  const names = files
    .filter((file) => file.isFile() && /(?<!\.d)\.[jt]s$/.test(file.name))
    .map((file) => file.name)
    .sort()
  return Promise.all(names.map((name) => loadGuardrail(folder, name)))
}

async function loadGuardrail(folder: URL, fileName: string): Promise<Guardrail> {
  const { guardrail } = (await import(new URL(fileName, folder).href)) as { guardrail?: Guardrail }
  const name = fileName.replace(/\.[jt]s$/, '')
  if (guardrail === undefined) throw new Error(`guardrails/${fileName} must export a \`guardrail\``)
  if (guardrail.name !== name)
    throw new Error(`guardrails/${fileName} must be named ${name}, not ${guardrail.name}`)
  return guardrail
}
