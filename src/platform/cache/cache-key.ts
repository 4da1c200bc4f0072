/**
 * Buckets of a workspace's customers: a cluster keeps the keys of a bucket in one slot, so that one script
 * may name several. 64 spread well over 16 nodes, and 256 customers make at most 64 calls of a cluster.
 */
const buckets = 64

/** A customer's id is a hash, and its first two digits are as good as any: 256 of them are made per call. */
function bucketOf(customerId: string): number {
  return (Number.parseInt(customerId.slice(0, 2), 16) >>> 0) % buckets
}

/** `starling:caps:{main:17}:9f2c…`; in braces the hash tag, which a cluster takes the slot from. */
export function customerKey(kind: 'caps' | 'profile', workspace: string, customerId: string): string {
  return `starling:${kind}:{${workspace}:${bucketOf(customerId)}}:${customerId}`
}

/**
 * Indexes of the customers that one script may ask about: all of them on a single server, those of one
 * bucket in a cluster; never more than `most`.
 */
export function groupsOf(customerIds: readonly string[], isCluster: boolean, most: number): number[][] {
  const all = Array.from(customerIds.keys())
  if (!isCluster && all.length <= most) return [all]
  const groups = isCluster
    ? [...Map.groupBy(all, (index) => bucketOf(customerIds[index] as string)).values()]
    : [all]
  return groups.flatMap((group) => {
    const parts: number[][] = []
    for (let from = 0; from < group.length; from += most) parts.push(group.slice(from, from + most))
    return parts
  })
}
