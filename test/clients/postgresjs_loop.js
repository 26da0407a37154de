// test/clients/postgresjs_loop.js: the loop of loop.sql in postgres.js.
const postgres = require("postgres");
const { error, german, kinds, ok, people, run, same, tomorrow, twoHoursLater } = require("./check.js");

run(async () => {
	const warnings = [];
	// It prepares what it sends, unless told not to: PgBouncer before 1.21 gives a
	// prepared statement to whoever comes next.
	const prepare = !process.env.POOLED;
	// Only this makes a bigint of JavaScript of one of PostgreSQL; else it is a string.
	const sql = postgres({
		host: process.env.PGHOST, onnotice: (notice) => warnings.push(notice), types: { bigint: postgres.BigInt }, prepare,
	});
	const plain = postgres({ host: process.env.PGHOST, prepare });

	await sql`INSERT INTO trees.worker ${sql(people, "ref", "profile")}`;
	const [gig] = await sql`
		INSERT INTO trees.gig ${sql({
			ref: "plant", title: "Plant trees", url: "https://trees.example/plant",
			start_at: tomorrow, end_at: twoHoursLater, total_seats: 1, filter_query: german,
		})} RETURNING id`;
	same("a bigint comes as one", gig.id, 4000000001n);
	same("without postgres.BigInt as a string", await plain`SELECT id FROM trees.gig`.then(([row]) => row.id), "4000000001");
	// What goes into a jsonb column is made JSON, a string too.
	same("a filter as text would be JSON twice",
		(await error(sql`UPDATE trees.gig SET filter_query = ${JSON.stringify(german)}`))?.code, "22P02");

	// As a parameter of a function a filter is a text, or sql.json().
	for (const filter of [JSON.stringify(german), sql.json(german)]) {
		const rows = await sql`SELECT DISTINCT matching FROM trees.preview(${filter})`;
		same(`two match a filter given as ${typeof filter}`, rows.map((row) => row.matching), [2n]);
	}

	await sql`CALL cirro.run_waves('trees')`;
	same("CALL is in no transaction", warnings, []);

	const list = await sql`
		SELECT invitation_id, title, can_accept FROM trees.worker_invitation WHERE worker_ref = ${"ada"}`;
	same("ada's list", list.map((row) => [row.title, row.can_accept]), [["Plant trees", true]]);
	const [accepted] = await sql`SELECT * FROM trees.accept(${list[0].invitation_id})`;
	same("ada has accepted", accepted.status, "accepted");

	const [eve] = await sql`SELECT invitation_id FROM trees.worker_invitation WHERE worker_ref = ${"eve"}`;
	const filled = await error(sql`SELECT * FROM trees.accept(${eve.invitation_id})`);
	same("eve's accept says what is so and what to do", [filled.code, filled.message, filled.detail, filled.hint],
		["UG011", "gig 4000000001 is filled", "It has 1 seat.", "Wait until a worker leaves, or raise the seats of the gig."]);
	const bad = await error(sql`
		INSERT INTO trees.gig (title, url, start_at, end_at, total_seats, filter_query)
		VALUES ('Ends before it starts', 'https://trees.example/plant', ${twoHoursLater}, ${tomorrow}, 1, ${german})`);
	same("a bad gig names its field", [bad.code, bad.schema_name, bad.table_name, bad.column_name, bad.constraint_name],
		["23514", "trees", "gig", "end_at", "gig_end_at_check"]);

	const claimed = await sql`SELECT * FROM trees.claim_notifications(100)`;
	same("what is claimed", claimed.map((row) => row.kind).sort(), kinds);
	ok("with the exact number", claimed[0].claim >= 9007199250000001n, claimed[0]);
	const ids = claimed.map((row) => row.id);
	same("an array of them has to be said to be one", (await error(
		sql`SELECT trees.confirm_notifications(${claimed[0].claim}, ${ids})`)).code, "42883");
	const [confirmed] = await sql`
		SELECT trees.confirm_notifications(${claimed[0].claim}, ${sql.array(ids)}) AS number`;
	same("and confirmed", Number(confirmed.number), 4);

	await sql.begin((sql) => sql`CALL cirro.run_waves('trees')`);
	same("CALL in sql.begin() warns", warnings.map((warning) => [warning.severity, warning.code]), [["WARNING", "25001"]]);
	await Promise.all([sql.end(), plain.end()]);
});
