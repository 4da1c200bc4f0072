import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openStore } from '#platform/store/open-store.ts'
import type { Store } from '#platform/store/store.ts'
import { isStoreFault } from '#platform/store/store-faults.ts'
import { customer, ids } from '../contract/store-rows.ts'
import { createDatabase, query, run, type TestDatabase } from './postgres.ts'

let database: TestDatabase
beforeEach(async () => {
  database = await createDatabase()
})
afterEach(() => database.drop())

async function faultOf(url: string): Promise<string> {
  const error: unknown = await openStore({ url }).then(
    (store) => store.close().then(() => null),
    (thrown) => thrown,
  )
  expect(error).toBeInstanceOf(Error)
  const { message } = error as Error
  expect(message.split('\n')).toHaveLength(1)
  return message
}

/** The test's database under another user or name. */
function urlWith(change: (url: URL) => void): string {
  const url = new URL(database.url)
  change(url)
  return url.href
}

describe('a PostgreSQL that cannot be opened is told of in one line', () => {
  it('when nobody listens there', async () => {
    const closed = createServer().listen(0, '127.0.0.1')
    await once(closed, 'listening')
    const { port } = closed.address() as AddressInfo
    closed.close()
    await once(closed, 'close')
    const fault = await faultOf(`postgres://starling:s3cret@127.0.0.1:${port}/starling`)
    expect(fault).toBe(
      `PostgreSQL at 127.0.0.1:${port} cannot be reached (ECONNREFUSED): is it running, and is DATABASE_URL right?`,
    )
  })

  it('when the host has no address', async () => {
    expect(await faultOf('postgres://starling:s3cret@nowhere.invalid/starling')).toMatch(
      /^PostgreSQL at nowhere\.invalid:5432 cannot be reached \((ENOTFOUND|EAI_AGAIN)\)/,
    )
  })

  it('when what answers is no PostgreSQL', async () => {
    const other = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(
      0,
      '127.0.0.1',
    )
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    expect(await faultOf(`postgres://starling@127.0.0.1:${port}/starling`)).toContain(
      `PostgreSQL at 127.0.0.1:${port} does not answer`,
    )
    other.close()
  })

  it('when it has no such database', async () => {
    const url = urlWith((own) => {
      own.pathname = '/no_such_database'
    })
    expect(await faultOf(url)).toContain('has no database no_such_database: make it with createdb')
  })

  it('when it refuses the user', async () => {
    const role = `${database.name}_nologin`
    await run(database.url, `create role ${role} nologin`)
    const url = urlWith((own) => {
      own.username = role
      own.password = 's3cret'
    })
    const fault = await faultOf(url)
    expect(fault).toContain(`refuses user ${role}`)
    expect(fault).toContain('check user and password in DATABASE_URL')
    expect(fault).not.toContain('s3cret')
    await run(database.url, `drop role ${role}`)
  })

  it('when the user may not make tables', async () => {
    const role = `${database.name}_guest`
    await run(database.url, `create role ${role} login`)
    const url = urlWith((own) => {
      own.username = role
    })
    expect(await faultOf(url)).toContain(
      `user ${role} may not make tables in database ${database.name} (permission denied for schema public)`,
    )
    await run(database.url, `drop role ${role}`)
  })

  it('when the URL is none', async () => {
    for (const url of ['starling', 'mysql://127.0.0.1/starling', 'postgres:starling@host:port'])
      expect(await faultOf(url)).toMatch(/^(DATABASE_URL is not of the form|PostgreSQL at)/)
  })

  it('when it is too old', async () => {
    // A function of this name that the search path finds first: an old server is not at hand.
    await run(
      database.url,
      `create schema old;
       create function old.current_setting(text) returns text language sql as $$
         select case $1 when 'server_version_num' then '140013' else pg_catalog.current_setting($1) end $$;
       alter database ${database.name} set search_path = old, pg_catalog, public`,
    )
    expect(await faultOf(database.url)).toMatch(
      /^PostgreSQL at [^ ]+ is version 14: Starling needs 15 or later$/,
    )
    expect(await query(database.url, `select 1 from pg_tables where tablename = 'customers'`)).toEqual([])
  })

  it('when it was written by a newer version', async () => {
    await (await openStore({ url: database.url })).close()
    await run(database.url, `insert into store_migrations (name, applied_at) values ('9999_future', 0)`)
    expect(await faultOf(database.url)).toBe(
      `The database ${database.name} was written by a newer version of Starling (it has 9999_future). Run that version, or restore a backup.`,
    )
  })
})

describe('a PostgreSQL beneath a running process', () => {
  it('that goes away fails what was under way, harms nobody, and is used again when it is back', async () => {
    const proxy = await openProxy(database.url)
    const store = await openStore({ url: proxy.url })
    await insert(store, 'before')
    let reached = () => {}
    const inside = new Promise<void>((resolve) => {
      reached = resolve
    })
    let goOn = () => {}
    const away = new Promise<void>((resolve) => {
      goOn = resolve
    })
    const underWay = store
      .transaction(async (tx) => {
        await tx.workspace('w').bulkInsert('customers', [customer('lost')], 'fail')
        reached()
        await away
        await tx.workspace('w').bulkInsert('customers', [customer('late')], 'fail')
      })
      .then(
        () => null,
        (error: unknown) => error,
      )
    await inside
    await proxy.goAway()
    goOn()
    expect(isStoreFault(await underWay)).toBe(true)
    const refused: unknown = await insert(store, 'while away').catch((error: unknown) => error)
    expect(isStoreFault(refused)).toBe(true)
    await expect(ids(store.read.workspace('w'))).rejects.toThrow()

    await proxy.comeBack()
    await insert(store, 'after')
    expect(await ids(store.read.workspace('w'))).toEqual(['after', 'before'])
    await store.close()
    await proxy.close()
  })

  it('that ends idle connections does not end the process', async () => {
    const store = await openStore({ url: database.url })
    await insert(store, 'before')
    await ids(store.read.workspace('w'))
    const ended = await query(
      database.url,
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name = 'starling'`,
    )
    expect(ended.length).toBeGreaterThanOrEqual(2)
    // The end of a connection may not have arrived yet: at most the first of each pool meets it.
    for (const attempt of [() => insert(store, 'a'), () => ids(store.read.workspace('w'))])
      await attempt().catch((error: unknown) => expect(isStoreFault(error)).toBe(true))
    await insert(store, 'b')
    expect(await ids(store.read.workspace('w'))).toEqual(expect.arrayContaining(['b', 'before']))
    await store.close()
  })

  it('may be migrated to a newer version while the process goes on', async () => {
    const store = await openStore({ url: database.url })
    await insert(store, 'a')
    const look = () => store.read.workspace('w').selectFrom('customers').selectAll().execute()
    const lookInside = () =>
      store.transaction((tx) => tx.workspace('w').selectFrom('customers').selectAll().execute())
    // Often enough to be prepared on a connection.
    for (let i = 0; i < 4; i++)
      expect([await look(), await lookInside()]).toEqual([await look(), await look()])
    await run(database.url, 'alter table customers add column later text')
    expect(await look()).toMatchObject([{ customer_id: 'a', later: null }])
    expect(await lookInside()).toMatchObject([{ customer_id: 'a', later: null }])
    await store.close()
  })

  it('that refuses data is not at fault itself', async () => {
    const store = await openStore({ url: database.url })
    const broken: unknown = await insert(store, 'nul \u0000').catch((error: unknown) => error)
    expect(broken).toBeInstanceOf(Error)
    expect(isStoreFault(broken)).toBe(false)
    await store.close()
  })
})

async function insert(store: Store, id: string): Promise<void> {
  await store.transaction((tx) => tx.workspace('w').bulkInsert('customers', [customer(id)], 'fail'))
}

/** Stands between the store and the server, and cuts the line. */
async function openProxy(url: string) {
  const target = new URL(url)
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    const onward = connect(Number(target.port), target.hostname)
    for (const own of [socket, onward]) {
      sockets.add(own)
      own.on('close', () => sockets.delete(own))
      own.on('error', () => {})
    }
    socket.pipe(onward).pipe(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const own = new URL(url)
  own.port = String(port)
  return {
    url: own.href,
    async goAway() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.resetAndDestroy()
      await closed
    },
    async comeBack() {
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}
