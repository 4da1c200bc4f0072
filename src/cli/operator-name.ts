import { userInfo } from 'node:os'

/** Who is at the keyboard, for the audit. */
export function operatorName(): string {
  try {
    return userInfo().username
  } catch {
    return 'command line'
  }
}
