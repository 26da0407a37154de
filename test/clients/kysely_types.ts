// test/clients/kysely_types.ts: inserts typed by what kysely-codegen read from the
// catalogue (db.d.ts). It compiles under --strict only if each table asks for
// what the rules ask for: no more, or the first inserts would not compile, and
// no less, or a @ts-expect-error would be one too many. Run, it makes a gig.
import { Kysely, PostgresDialect, type Insertable } from "kysely";
import { Pool } from "pg";
import type { DB, Gig, HousesGig, PondsGig } from "./db";
const { ok, same } = require("./check.js");

const start_at = new Date(Date.now() + 86400000);
const end_at = new Date(Date.now() + 90000000);
const required = {
	title: "Plant", url: "https://trees.example/1", start_at, end_at,
	total_seats: 2, filter_query: JSON.stringify({}),
};

const gig: Insertable<Gig> = required;
const pond: Insertable<PondsGig> = { ...required, ref: 7n };
const house: Insertable<HousesGig> = { ...required, ref: "e58ed763-928c-4155-bee9-fdbaaadc15f3" };
const worker: Insertable<DB["worker"]> = {};
const invitation: Insertable<DB["invitation"]> = { gig_id: 1, worker_id: 1 };
const consumer: Insertable<DB["consumer"]> = { name: "mail" };

const { title, ...untitled } = required;
// @ts-expect-error: no title
const no_title: Insertable<Gig> = untitled;
const { end_at: never, ...endless } = required;
// @ts-expect-error: no end
const no_end: Insertable<Gig> = endless;
// A filter it lets one leave out, as any jsonb: for it, null is JSON.
// @ts-expect-error: misspelt
const misspelt: Insertable<Gig> = { ...required, titel: "Plant" };
// @ts-expect-error: a number is no title
const mistyped: Insertable<Gig> = { ...required, title: 1 };
// @ts-expect-error: a bigint's ref is no object
const no_ref: Insertable<PondsGig> = { ...required, ref: {} };
// @ts-expect-error: an invitation without its worker
const nobody: Insertable<DB["invitation"]> = { gig_id: 1 };

async function main() {
	const db = new Kysely<DB>({ dialect: new PostgresDialect({ pool: new Pool() }) }).withSchema("trees");
	const made = await db.insertInto("gig").values(gig).returningAll().executeTakeFirstOrThrow();
	same("the typed insert makes a gig with the defaults",
		[made.title, made.invitation_mode, Number(made.invitation_multiplier), made.invitation_frequency?.minutes],
		["Plant", "auto", 10, 5]);
	ok("and its time", Math.abs(made.created_at.getTime() - Date.now()) < 600000, made.created_at);
	const someone = await db.insertInto("worker").defaultValues().returning("id").executeTakeFirstOrThrow();
	const invited = await db.insertInto("invitation").values({ gig_id: made.id, worker_id: someone.id })
		.returning(["status", "origin"]).executeTakeFirstOrThrow();
	same("so does an invitation's", [invited.status, invited.origin], ["pending", "manual"]);
	await db.destroy();
}

main().catch((error) => ok("the inserts run", false, error));
