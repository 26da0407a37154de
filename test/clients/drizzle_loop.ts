// test/clients/drizzle_loop.ts: the loop of loop.sql in Drizzle, on node-postgres,
// with the tables and views that drizzle-kit read from the catalogue.
import { eq, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { Pool } from "pg";
import { gigInTrees, workerInTrees, workerInvitationInTrees } from "./drizzle/schema";
const { error, german, kinds, people, run, same, tomorrow, twoHoursLater } = require("./check.js");

run(async () => {
	const warnings: { severity: string; code: string }[] = [];
	const pool = new Pool();
	pool.on("connect", (client) => client.on("notice", (notice: any) => warnings.push(notice)));
	const db = drizzle(pool);

	await db.insert(workerInTrees).values(people);
	// Times are strings in what drizzle-kit writes, bigints numbers.
	const plant = {
		title: "Plant trees", url: "https://trees.example/plant", totalSeats: 1, filterQuery: german,
		startAt: tomorrow.toISOString(), endAt: twoHoursLater.toISOString(),
	};
	const [gig] = await db.insert(gigInTrees).values({ ...plant, ref: "plant" }).returning({ id: gigInTrees.id });
	same("a bigint of a table comes as a number", gig.id, 4000000001);

	const matching = await db.execute(sql`SELECT DISTINCT matching FROM trees.preview(${german})`);
	same("of execute() as a string; two match a filter", matching.rows, [{ matching: "2" }]);

	await db.execute(sql`CALL cirro.run_waves('trees')`);
	same("CALL is in no transaction", warnings, []);

	const invitations = (ref: string) =>
		db.select().from(workerInvitationInTrees).where(eq(workerInvitationInTrees.workerRef, ref));
	const list = await invitations("ada");
	same("ada's list", list.map((row) => [row.title, row.canAccept]), [["Plant trees", true]]);
	const accepted = await db.execute(sql`SELECT * FROM trees.accept(${list[0].invitationId})`);
	same("ada has accepted", accepted.rows[0].status, "accepted");

	const [eve] = await invitations("eve");
	const filled = await error(db.execute(sql`SELECT * FROM trees.accept(${eve.invitationId})`));
	const { code, message, detail, hint } = filled.cause;
	same("eve's accept says what is so and what to do", [filled.name, code, message, detail, hint],
		["Error", "UG011", "gig 4000000001 is filled", "It has 1 seat.",
			"Wait until a worker leaves, or raise the seats of the gig."]);
	const { cause } = await error(db.insert(gigInTrees).values(
		{ ...plant, title: "Ends before it starts", startAt: plant.endAt, endAt: plant.startAt }));
	same("a bad gig names its field", [cause.code, cause.schema, cause.table, cause.column, cause.constraint],
		["23514", "trees", "gig", "end_at", "gig_end_at_check"]);

	const { rows } = await db.execute(sql`SELECT * FROM trees.claim_notifications(100)`);
	same("what is claimed", rows.map((row) => row.kind).sort(), kinds);
	// In sql an array is a list, ($1, $2, …): sql.param() keeps it one.
	const confirmed = await db.execute(sql`
		SELECT trees.confirm_notifications(${rows[0].claim}, ${sql.param(rows.map((row) => row.id))}) AS number`);
	same("is confirmed, with strings as they came", confirmed.rows[0].number, 4);

	await db.transaction((transaction) => transaction.execute(sql`CALL cirro.run_waves('trees')`));
	same("CALL in transaction() warns", warnings.map((warning) => [warning.severity, warning.code]), [["WARNING", "25001"]]);
	await pool.end();
});
