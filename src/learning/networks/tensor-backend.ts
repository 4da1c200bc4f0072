import { createRequire } from 'node:module'
import { dirname, sep } from 'node:path'
import * as wasm from '@tensorflow/tfjs-backend-wasm'
import * as tf from '@tensorflow/tfjs-core'

export type TensorBackend = 'tensorflow' | 'wasm'

/** An accelerator that is no dependency: whoever wants it installs it beside Starling. */
const accelerator = '@tensorflow/tfjs-node'

let chosen: Promise<TensorBackend> | undefined

/**
 * Makes TensorFlow.js ready, once a process: with tfjs-node where it is installed and loads (it does not on
 * Node 24), else on WebAssembly, in one thread, so that the same data and seed give the same weights on the
 * same build of the backend.
 */
export function openTensorBackend(): Promise<TensorBackend> {
  chosen ??= choose()
  return chosen
}

async function choose(): Promise<TensorBackend> {
  if (await acceleratorWorks()) return 'tensorflow'
  wasm.setThreadsCount(1)
  wasm.setWasmPaths(
    `${dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm'))}${sep}`,
  )
  if (!(await tf.setBackend('wasm')))
    throw new Error('the WebAssembly backend of TensorFlow.js does not start')
  await tf.ready()
  return 'wasm'
}

async function acceleratorWorks(): Promise<boolean> {
  try {
    await import(accelerator)
    return tf.engine().registryFactory.tensorflow !== undefined && (await tf.setBackend('tensorflow'))
  } catch {
    return false
  }
}
