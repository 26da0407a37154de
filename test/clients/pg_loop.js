// test/clients/pg_loop.js: the loop of loop.sql in node-postgres.
const { Pool, types } = require("pg");
const { error, german, kinds, ok, people, run, same, tomorrow, twoHoursLater } = require("./check.js");

run(async () => {
	const pool = new Pool();
	const warnings = [];
	pool.on("connect", (client) => client.on("notice", (notice) => warnings.push(notice)));

	// An object becomes JSON by itself.
	for (const { ref, profile } of people) {
		await pool.query("INSERT INTO trees.worker (ref, profile) VALUES ($1, $2)", [ref, profile]);
	}
	const gig = await pool.query(
		`INSERT INTO trees.gig (ref, title, url, start_at, end_at, total_seats, filter_query)
		VALUES ('plant', 'Plant trees', 'https://trees.example/plant', $1, $2, 1, $3) RETURNING id`,
		[tomorrow, twoHoursLater, german]);
	same("a bigint comes as a string", gig.rows[0].id, "4000000001");

	// A filter is an object or a text, without a cast.
	for (const filter of [german, JSON.stringify(german)]) {
		const { rows } = await pool.query("SELECT DISTINCT matching FROM trees.preview($1)", [filter]);
		same(`two match a filter given as ${typeof filter}`, rows, [{ matching: "2" }]);
	}
	// An array is PostgreSQL's unless it is made JSON.
	const sort = [{ rating: -1 }, { joined_at: 1 }];
	const sorted = "SELECT worker_ref FROM trees.preview($1, $2, 1)";
	same("an array is no sort query", (await error(pool.query(sorted, [german, sort])))?.code, "22P02");
	same("but its JSON is", (await pool.query(sorted, [german, JSON.stringify(sort)])).rows, [{ worker_ref: "ada" }]);

	await pool.query("CALL cirro.run_waves('trees')");
	same("CALL is in no transaction", warnings, []);

	const list = await pool.query(
		`SELECT invitation_id, title, can_accept FROM trees.worker_invitation
		WHERE worker_ref = $1 ORDER BY invitation_id`, ["ada"]);
	same("ada's list", list.rows.map((row) => [row.title, row.can_accept]), [["Plant trees", true]]);
	const accepted = await pool.query("SELECT * FROM trees.accept($1)", [list.rows[0].invitation_id]);
	same("ada has accepted", accepted.rows[0].status, "accepted");
	const composite = await pool.query("SELECT trees.accept($1)", [list.rows[0].invitation_id]);
	same("without FROM the row is a text", typeof composite.rows[0].accept, "string");

	const filled = await error(pool.query(
		`SELECT i.* FROM trees.worker_invitation w, trees.accept(w.invitation_id) i WHERE w.worker_ref = $1`, ["eve"]));
	same("eve's accept says what is so and what to do", [filled.code, filled.message, filled.detail, filled.hint],
		["UG011", "gig 4000000001 is filled", "It has 1 seat.", "Wait until a worker leaves, or raise the seats of the gig."]);
	const bad = await error(pool.query(
		`INSERT INTO trees.gig (title, url, start_at, end_at, total_seats, filter_query)
		VALUES ('Ends before it starts', 'https://trees.example/plant', $1, $2, 1, '{}')`, [twoHoursLater, tomorrow]));
	same("a bad gig names its field", [bad.code, bad.schema, bad.table, bad.column, bad.constraint],
		["23514", "trees", "gig", "end_at", "gig_end_at_check"]);

	// Claims are below 2^53, and ids in practice: numbers hold them.
	types.setTypeParser(types.builtins.INT8, Number);
	const { rows } = await pool.query("SELECT * FROM trees.claim_notifications(100)");
	same("what is claimed", rows.map((row) => row.kind).sort(), kinds);
	ok("as exact numbers", rows[0].claim >= 9007199250000001 && Number.isSafeInteger(rows[0].claim), rows[0]);
	const confirmed = await pool.query("SELECT trees.confirm_notifications($1, $2) AS number",
		[rows[0].claim, rows.map((row) => row.id)]);
	same("and confirmed", confirmed.rows[0].number, 4);

	const client = await pool.connect();
	await client.query("BEGIN");
	await client.query("CALL cirro.run_waves('trees')");
	await client.query("COMMIT");
	client.release();
	same("CALL between BEGIN and COMMIT warns", warnings.map((warning) => [warning.severity, warning.code, warning.message]),
		[["WARNING", "25001", "waves in a transaction block are not committed as they go"]]);
	// A named statement stays on the server, where a pooler may not find it again.
	if (!process.env.POOLED) {
		const prepared = { name: "waves", text: "CALL cirro.run_waves($1)" };
		await pool.query({ ...prepared, values: ["trees"] });
		await pool.query({ ...prepared, values: ["trees"] });
		same("a named statement with a parameter does not", warnings.length, 1);
	}
	await pool.end();
});
