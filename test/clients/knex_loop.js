// test/clients/knex_loop.js: the loop of loop.sql in knex, on node-postgres.
const { error, german, kinds, ok, people, run, same, tomorrow, twoHoursLater } = require("./check.js");

run(async () => {
	const warnings = [];
	const knex = require("knex")({
		client: "pg",
		connection: { host: process.env.PGHOST },
		pool: {
			afterCreate: (connection, done) => {
				connection.on("notice", (notice) => warnings.push(notice));
				done();
			},
		},
	});

	await knex.withSchema("trees").insert(people).into("worker");
	const [gig] = await knex.withSchema("trees").insert({
		ref: "plant", title: "Plant trees", url: "https://trees.example/plant",
		start_at: tomorrow, end_at: twoHoursLater, total_seats: 1, filter_query: german,
	}).into("gig").returning("id");
	same("a bigint comes as a string", gig.id, "4000000001");

	const matching = await knex.raw("SELECT DISTINCT matching FROM trees.preview(?)", [german]);
	same("two match a filter", matching.rows, [{ matching: "2" }]);

	await knex.raw("CALL cirro.run_waves(?)", ["trees"]);
	same("CALL is in no transaction", warnings, []);

	const list = await knex.withSchema("trees").select("invitation_id", "title", "can_accept")
		.from("worker_invitation").where({ worker_ref: "ada" });
	same("ada's list", list.map((row) => [row.title, row.can_accept]), [["Plant trees", true]]);
	const accepted = await knex.raw("SELECT * FROM trees.accept(?)", [list[0].invitation_id]);
	same("ada has accepted", accepted.rows[0].status, "accepted");

	const eve = await knex.withSchema("trees").first("invitation_id").from("worker_invitation").where({ worker_ref: "eve" });
	const filled = await error(knex.raw("SELECT * FROM trees.accept(?)", [eve.invitation_id]));
	same("eve's accept says what is so and what to do", [filled.code, filled.detail, filled.hint],
		["UG011", "It has 1 seat.", "Wait until a worker leaves, or raise the seats of the gig."]);
	ok("its message has the statement before it", filled.message.endsWith(" - gig 4000000001 is filled"), filled.message);
	const bad = await error(knex.withSchema("trees").insert({
		title: "Ends before it starts", url: "https://trees.example/plant",
		start_at: twoHoursLater, end_at: tomorrow, total_seats: 1, filter_query: german,
	}).into("gig"));
	same("a bad gig names its field", [bad.code, bad.schema, bad.table, bad.column, bad.constraint],
		["23514", "trees", "gig", "end_at", "gig_end_at_check"]);

	const { rows } = await knex.raw("SELECT * FROM trees.claim_notifications(100)");
	same("what is claimed", rows.map((row) => row.kind).sort(), kinds);
	const confirmed = await knex.raw("SELECT trees.confirm_notifications(?, ?) AS number",
		[rows[0].claim, rows.map((row) => row.id)]);
	same("is confirmed, with strings as they came", confirmed.rows[0].number, 4);

	await knex.transaction((transaction) => transaction.raw("CALL cirro.run_waves(?)", ["trees"]));
	same("CALL in knex.transaction() warns", warnings.map((warning) => [warning.severity, warning.code]),
		[["WARNING", "25001"]]);
	await knex.destroy();
});
