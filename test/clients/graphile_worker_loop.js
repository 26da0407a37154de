// test/clients/graphile_worker_loop.js: the loop of loop.sql as jobs of Graphile
// Worker, whose tables are beside a Space in the same database: what a request
// writes and the job that it leaves behind are one transaction, and a job can
// run the waves where there is no pg_cron.
const { makeWorkerUtils, runOnce } = require("graphile-worker");
const { Pool } = require("pg");
const { error, german, kinds, people, run, same, tomorrow, twoHoursLater } = require("./check.js");

run(async () => {
	const pool = new Pool();
	const warnings = [];
	pool.on("connect", (client) => client.on("notice", (notice) => warnings.push(notice)));
	const quiet = new (require("graphile-worker").Logger)(() => () => {});
	const utils = await makeWorkerUtils({ pgPool: pool, logger: quiet });
	await utils.migrate();

	// In one transaction or not at all.
	const inTransaction = async (work) => {
		const client = await pool.connect();
		try {
			await client.query("BEGIN");
			const result = await work(client);
			await client.query("COMMIT");
			return result;
		} catch (error) {
			await client.query("ROLLBACK");
			throw error;
		} finally {
			client.release();
		}
	};
	const addJob = (client, task, payload) =>
		client.query("SELECT FROM graphile_worker.add_job($1, $2)", [task, JSON.stringify(payload)]);

	let claimed;
	const tasks = {
		waves: (payload, { query }) => query("CALL cirro.run_waves('trees')"),
		welcome: async ({ ref }, { query }) => {
			await query("UPDATE trees.worker SET profile = profile || '{\"rating\": 4}' WHERE ref = $1", [ref]);
		},
		deliver: async (payload, { query }) => {
			const { rows } = await query("SELECT * FROM trees.claim_notifications(100)");
			await query("SELECT trees.confirm_notifications($1, $2)", [rows[0].claim, rows.map((row) => row.id)]);
			claimed = rows.map((row) => row.kind).sort();
		},
	};
	const work = () => runOnce({ pgPool: pool, logger: quiet, taskList: tasks });

	await inTransaction(async (client) => {
		for (const { ref, profile } of people) {
			const { rating, ...unrated } = profile;
			await client.query("INSERT INTO trees.worker (ref, profile) VALUES ($1, $2)",
				[ref, ref === "eve" ? unrated : profile]);
		}
		await client.query(
			`INSERT INTO trees.gig (ref, title, url, start_at, end_at, total_seats, filter_query)
			VALUES ('plant', 'Plant trees', 'https://trees.example/plant', $1, $2, 1, $3)`,
			[tomorrow, twoHoursLater, german]);
		await addJob(client, "welcome", { ref: "eve" });
	});
	await work();
	await utils.addJob("waves");
	await work();
	same("a job's CALL is in no transaction", warnings, []);

	const accept = (ref) => inTransaction(async (client) => {
		await addJob(client, "deliver", { ref });
		const { rows } = await client.query(
			`SELECT i.* FROM trees.worker_invitation w, trees.accept(w.invitation_id) i WHERE w.worker_ref = $1`, [ref]);
		return rows[0].status;
	});
	const jobs = () => pool.query("SELECT count(*)::int FROM graphile_worker.jobs").then(({ rows }) => rows[0].count);
	same("ada has accepted", await accept("ada"), "accepted");
	same("and a job is there", await jobs(), 1);
	const filled = await error(accept("eve"));
	same("eve's accept fails", filled?.code, "UG011");
	same("and leaves no job", await jobs(), 1);
	const bad = await error(inTransaction(async (client) => {
		await addJob(client, "waves");
		await client.query(
			`INSERT INTO trees.gig (title, url, start_at, end_at, total_seats, filter_query)
			VALUES ('Ends before it starts', 'https://trees.example/plant', $1, $2, 1, '{}')`, [twoHoursLater, tomorrow]);
	}));
	same("so does a bad gig", [bad?.code, bad?.constraint, await jobs()], ["23514", "gig_end_at_check", 1]);

	await work();
	same("the job delivers", claimed, kinds);
	same("and is done", await jobs(), 0);
	await utils.release();
	await pool.end();
});
