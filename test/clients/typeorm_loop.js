// test/clients/typeorm_loop.js: the loop of loop.sql in TypeORM, on node-postgres.
const { DataSource, EntitySchema } = require("typeorm");
const { error, german, kinds, people, run, same, tomorrow, twoHoursLater } = require("./check.js");

// Of a table's columns, those that the application uses. The tables are cirro's:
// synchronize stays off.
const Worker = new EntitySchema({
	name: "Worker", schema: "trees", tableName: "worker",
	columns: {
		id: { type: "bigint", primary: true, generated: "identity" },
		ref: { type: "text", nullable: true },
		profile: { type: "jsonb" },
	},
});
const Gig = new EntitySchema({
	name: "Gig", schema: "trees", tableName: "gig",
	columns: {
		id: { type: "bigint", primary: true, generated: "identity" },
		ref: { type: "text", nullable: true },
		title: { type: "text" },
		url: { type: "text" },
		startAt: { name: "start_at", type: "timestamptz" },
		endAt: { name: "end_at", type: "timestamptz" },
		totalSeats: { name: "total_seats", type: "int", nullable: true },
		filterQuery: { name: "filter_query", type: "jsonb" },
	},
});
const WorkerInvitation = new EntitySchema({
	name: "WorkerInvitation", schema: "trees", tableName: "worker_invitation",
	columns: {
		id: { name: "invitation_id", type: "bigint", primary: true },
		workerRef: { name: "worker_ref", type: "text" },
		title: { type: "text" },
		canAccept: { name: "can_accept", type: "boolean" },
	},
});

run(async () => {
	const warnings = [];
	const source = await new DataSource({
		type: "postgres", host: process.env.PGHOST, database: process.env.PGDATABASE, username: process.env.PGUSER,
		entities: [Worker, Gig, WorkerInvitation], synchronize: false,
		logNotifications: true, logger: { log: (level, message) => warnings.push(message), logQuery() {}, logQueryError() {} },
	}).initialize();

	await source.getRepository(Worker).save(people);
	const gig = await source.getRepository(Gig).save({
		ref: "plant", title: "Plant trees", url: "https://trees.example/plant",
		startAt: tomorrow, endAt: twoHoursLater, totalSeats: 1, filterQuery: german,
	});
	same("a bigint comes as a string", gig.id, "4000000001");

	const matching = await source.query("SELECT DISTINCT matching FROM trees.preview($1)", [german]);
	same("two match a filter", matching, [{ matching: "2" }]);

	await source.query("CALL cirro.run_waves($1)", ["trees"]);
	same("CALL is in no transaction", warnings, []);

	const list = await source.getRepository(WorkerInvitation).findBy({ workerRef: "ada" });
	same("ada's list", list.map((row) => [row.title, row.canAccept]), [["Plant trees", true]]);
	const [accepted] = await source.query("SELECT * FROM trees.accept($1)", [list[0].id]);
	same("ada has accepted", accepted.status, "accepted");

	const eve = await source.getRepository(WorkerInvitation).findOneByOrFail({ workerRef: "eve" });
	const filled = await error(source.query("SELECT * FROM trees.accept($1)", [eve.id]));
	const { code, detail, hint } = filled.driverError;
	same("eve's accept says what is so and what to do", [filled.name, filled.message, code, detail, hint],
		["QueryFailedError", "gig 4000000001 is filled", "UG011", "It has 1 seat.",
			"Wait until a worker leaves, or raise the seats of the gig."]);
	const { driverError } = await error(source.getRepository(Gig).save({
		title: "Ends before it starts", url: "https://trees.example/plant",
		startAt: twoHoursLater, endAt: tomorrow, totalSeats: 1, filterQuery: german,
	}));
	same("a bad gig names its field", [driverError.code, driverError.table, driverError.column, driverError.constraint],
		["23514", "gig", "end_at", "gig_end_at_check"]);

	const claimed = await source.query("SELECT * FROM trees.claim_notifications(100)");
	same("what is claimed", claimed.map((row) => row.kind).sort(), kinds);
	const [confirmed] = await source.query("SELECT trees.confirm_notifications($1, $2) AS number",
		[claimed[0].claim, claimed.map((row) => row.id)]);
	same("is confirmed, with strings as they came", confirmed.number, 4);

	await source.transaction((manager) => manager.query("CALL cirro.run_waves($1)", ["trees"]));
	same("CALL in transaction() warns", warnings,
		["waves in a transaction block are not committed as they go"]);
	await source.destroy();
});
