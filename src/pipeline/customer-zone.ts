import type { WorkspaceBatch } from './workspace-batch.ts'

/** Whose clock counts: the customer's, the workspace's where theirs is unknown. */
export function zoneOf(
  { customers, context }: Pick<WorkspaceBatch, 'customers' | 'context'>,
  customerId: string,
): string {
  return customers.get(customerId)?.profile.zone ?? context.settings.zone
}
