// test/clients/drizzle_types.ts: inserts typed by what drizzle-kit read from the
// catalogue (drizzle/schema.ts); likewise as kysely_types.ts.
import { drizzle } from "drizzle-orm/node-postgres";
import { Pool } from "pg";
import { consumerInTrees, gigInTrees, invitationInTrees, workerInTrees } from "./drizzle/schema";
const { ok, same } = require("./check.js");

const required = {
	title: "Plant", url: "https://trees.example/1",
	startAt: new Date(Date.now() + 86400000).toISOString(), endAt: new Date(Date.now() + 90000000).toISOString(),
	totalSeats: 2, filterQuery: {},
};

const gig: typeof gigInTrees.$inferInsert = required;
const worker: typeof workerInTrees.$inferInsert = {};
const invitation: typeof invitationInTrees.$inferInsert = { gigId: 1, workerId: 1 };
const consumer: typeof consumerInTrees.$inferInsert = { name: "mail" };

const { title, ...untitled } = required;
// @ts-expect-error: no title
const no_title: typeof gigInTrees.$inferInsert = untitled;
// @ts-expect-error: misspelt
const misspelt: typeof gigInTrees.$inferInsert = { ...required, titel: "Plant" };
// @ts-expect-error: an invitation without its worker
const nobody: typeof invitationInTrees.$inferInsert = { gigId: 1 };

async function main() {
	const pool = new Pool();
	const made = (await drizzle(pool).insert(gigInTrees).values(gig).returning())[0];
	same("the typed insert makes a gig with the defaults",
		[made.title, made.invitationMode, Number(made.invitationMultiplier), made.invitationFrequency, made.filterQuery],
		["Plant", "auto", 10, "00:05:00", {}]);
	await pool.end();
}

main().catch((error) => ok("the insert runs", false, error));
