import { execFileSync } from 'node:child_process'
import puppeteer, { type Browser } from 'puppeteer-core'

/** Chromium from the system's packages (Debian: `chromium`), or the one that CHROMIUM names. */
export function launchChromium(): Promise<Browser> {
  const executablePath =
    process.env.CHROMIUM ?? execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim()
  return puppeteer.launch({
    executablePath,
    // In a container as root there is no sandbox, and shared memory is small.
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
  })
}
