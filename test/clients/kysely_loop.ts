// test/clients/kysely_loop.ts: the loop of loop.sql in Kysely, on node-postgres,
// typed by what kysely-codegen read from the catalogue (db.d.ts).
import { Kysely, PostgresDialect, sql } from "kysely";
import { Pool } from "pg";
import type { DB, Notification, Invitation } from "./db";
import type { Selectable } from "kysely";
const { error, german, kinds, people, run, same, tomorrow, twoHoursLater } = require("./check.js");

run(async () => {
	const warnings: { severity: string; code: string }[] = [];
	const pool = new Pool();
	pool.on("connect", (client) => client.on("notice", (notice: any) => warnings.push(notice)));
	const db = new Kysely<DB>({ dialect: new PostgresDialect({ pool }) });
	const trees = db.withSchema("trees");

	for (const { ref, profile } of people) {
		await trees.insertInto("worker").values({ ref, profile }).execute();
	}
	const gig = await trees.insertInto("gig").values({
		ref: "plant", title: "Plant trees", url: "https://trees.example/plant",
		start_at: tomorrow, end_at: twoHoursLater, total_seats: 1, filter_query: german,
	}).returning("id").executeTakeFirstOrThrow();
	same("a bigint comes as a string", gig.id, "4000000001");

	const matching = await sql`SELECT DISTINCT matching FROM trees.preview(${german})`.execute(db);
	same("two match a filter", matching.rows, [{ matching: "2" }]);

	await sql`CALL cirro.run_waves('trees')`.execute(db);
	same("CALL is in no transaction", warnings, []);

	// The type of a view's column allows null: a view has no NOT NULL.
	const invitation = (ref: string) => trees.selectFrom("worker_invitation")
		.select(["invitation_id", "title", "can_accept"]).where("worker_ref", "=", ref).executeTakeFirstOrThrow();
	const { invitation_id, title, can_accept } = await invitation("ada");
	same("ada's list", [title, can_accept], ["Plant trees", true]);
	const accept = (id: string | null) =>
		sql<Selectable<Invitation>>`SELECT * FROM trees.accept(${id})`.execute(db);
	const accepted = await accept(invitation_id);
	same("ada has accepted", accepted.rows[0].status, "accepted");

	const filled = await error(accept((await invitation("eve")).invitation_id));
	same("eve's accept says what is so and what to do", [filled.code, filled.message, filled.detail, filled.hint],
		["UG011", "gig 4000000001 is filled", "It has 1 seat.", "Wait until a worker leaves, or raise the seats of the gig."]);
	const bad = await error(trees.insertInto("gig").values({
		title: "Ends before it starts", url: "https://trees.example/plant",
		start_at: twoHoursLater, end_at: tomorrow, total_seats: 1, filter_query: german,
	}).execute());
	same("a bad gig names its field", [bad.code, bad.schema, bad.table, bad.column, bad.constraint],
		["23514", "trees", "gig", "end_at", "gig_end_at_check"]);

	type Claimed = Selectable<Notification> & { claim: string; kind: string };
	const { rows } = await sql<Claimed>`SELECT * FROM trees.claim_notifications(100)`.execute(db);
	same("what is claimed", rows.map((row) => row.kind).sort(), kinds);
	const confirmed = await sql<{ number: number }>`
		SELECT trees.confirm_notifications(${rows[0].claim}, ${rows.map((row) => row.id)}) AS number`.execute(db);
	same("is confirmed, with strings as they came", confirmed.rows[0].number, 4);

	await db.transaction().execute((transaction) => sql`CALL cirro.run_waves('trees')`.execute(transaction));
	same("CALL in transaction() warns", warnings.map((warning) => [warning.severity, warning.code]), [["WARNING", "25001"]]);
	await db.destroy();
});
