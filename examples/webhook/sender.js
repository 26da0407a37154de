// sender.js: sends what happens in a Space to a URL, one signed request each.
//
// Decides how often and how fast: at most CONCURRENCY requests at a time, none
// begun that could outlast the lease, each again later and later until it is
// answered with 2xx or dead. What was sent is kept in the database alone; a crash
// repeats what was on its way, and loses nothing. Any number of these may run.
// Must not write bodies or the secret to its log.
//
// Node.js 18 or later and pg. README.md has the environment that it reads.
const { Client, escapeIdentifier } = require("pg");
const { sign } = require("./signature.js");

const env = process.env;
const space = escapeIdentifier(env.SPACE ?? "trees");
const consumer = env.CONSUMER ?? "webhook";
const url = new URL(env.WEBHOOK_URL);
const secret = env.WEBHOOK_SECRET;
const batch = Number(env.BATCH ?? 50);
const concurrency = Number(env.CONCURRENCY ?? 5);
const timeout = Number(env.TIMEOUT_SECONDS ?? 10);
const lease = Number(env.LEASE_SECONDS ?? 60);
const poll = Number(env.POLL_SECONDS ?? 30);
const retry = Number(env.RETRY_SECONDS ?? 5);
if (!secret) throw new Error("WEBHOOK_SECRET is not set");
if (lease < 3 * timeout) throw new Error("LEASE_SECONDS must be at least three times TIMEOUT_SECONDS");

const log = (text) => console.error(text);
let stopping = false;
let told = false;
let wake = () => {};

function sleep(seconds) {
	return new Promise((resolve) => {
		const timer = setTimeout(resolve, seconds * 1000);
		wake = () => { clearTimeout(timer); resolve(); };
	});
}

// ------------------------------------------------------------- one request --

// Returns undefined, or what was wrong and how many seconds to leave the receiver
// alone at least.
async function send(body, eventId) {
	try {
		const response = await fetch(url, {
			method: "POST",
			body,
			redirect: "manual",		// a signed body goes nowhere else
			signal: AbortSignal.timeout(timeout * 1000),
			headers: {
				"Content-Type": "application/json",
				"Cirro-Signature": sign(secret, body),
				"Idempotency-Key": eventId,
			},
		});
		response.body?.cancel().catch(() => {});
		if (response.ok) return;
		const { status } = response;
		let after = 0;
		if (status === 429 || status === 503) after = Number(response.headers.get("retry-after")) || 0;
		// Other 4xx: the receiver wants no such request. Only a change on one of
		// the sides helps, so there is no hurry.
		else if (status < 500 && status !== 408 && status !== 425) after = 3600;
		return { error: `HTTP ${status}`, after };
	} catch (error) {
		return { error: error.cause?.code ?? error.name, after: 0 };
	}
}

// Seconds until the next try: 5, 20, 80, 320, ... at most six hours, so that ten
// tries take most of a day; never all at the same time.
function delay(attempts, after) {
	const backoff = retry * 4 ** (attempts - 1) * (0.75 + Math.random() / 2);
	return Math.min(Math.max(backoff, after), 6 * 3600);
}

// ------------------------------------------------------------ the database --

const CLAIM = `SELECT n.claim, n.id, n.attempts, n.payload->>'event_id' AS event_id, n.payload::text AS body
	FROM ${space}.claim_notifications($1, make_interval(secs => $2), $3) n ORDER BY n.id`;
const CONFIRM = `SELECT ${space}.confirm_notifications($1, $2)`;
const FAIL = `SELECT ${space}.fail_notifications($1, $2, $3, clock_timestamp() + make_interval(secs => $4))`;

// A claim may report as long as nobody else holds its notifications, so what a
// lost connection has kept from it is said on the next one.
const unreported = new Set();
let turn = Promise.resolve();		// the lanes share a connection, which does one statement at a time

async function report(db, query) {
	unreported.add(query);
	turn = turn.catch(() => {}).then(() => db.query(query));
	await turn;
	unreported.delete(query);
}

// Claims notifications and says of each what became of it; false: none is due.
async function deliver(db) {
	const lastStart = performance.now() + (lease - 2 * timeout) * 1000;
	const { rows } = await db.query(CLAIM, [batch, lease, consumer]);
	if (rows.length === 0) return false;
	log(`claim ${rows[0].claim}: ${rows.length} notifications`);

	let lost = false;
	async function lane() {
		for (let row; !lost && (row = rows.shift()) !== undefined;) {
			const query = { text: CONFIRM, values: [row.claim, [row.id]] };
			if (stopping || performance.now() > lastStart) {
				query.text = FAIL;
				query.values.push(null, 0);		// back to whoever is next; no attempt counts
			} else {
				const failure = await send(row.body, row.event_id);
				if (failure) {
					log(`notification ${row.id}: ${failure.error}`);
					query.text = FAIL;
					query.values.push(failure.error, delay(row.attempts, failure.after));
				}
			}
			await report(db, query).catch((error) => { lost = true; throw error; });
		}
	}
	const lanes = await Promise.allSettled(Array.from({ length: concurrency }, lane));
	const failed = lanes.find((l) => l.status === "rejected");
	if (failed) throw failed.reason;
	return true;
}

// Whether a new connection may help: not where a statement is wrong or forbidden.
function passes(error) {
	return error.severity !== "ERROR" || /^(40|53|55|57|58)/.test(error.code);
}

async function main() {
	while (!stopping) {
		const db = new Client({
			application_name: `${consumer} ${process.pid}`, connectionTimeoutMillis: 10000, query_timeout: 30000, keepAlive: true,
		});
		db.on("error", () => wake());
		db.on("notification", () => { told = true; wake(); });
		try {
			await db.connect();
			await db.query(`LISTEN ${space}`);
			for (const query of unreported) await report(db, query);
			while (!stopping) {
				told = false;
				if (!await deliver(db) && !told && !stopping) await sleep(poll);
			}
			await db.end();
		} catch (error) {
			db.end().catch(() => {});
			if (!passes(error)) throw error;
			log(`database: ${error.message}`);
			if (!stopping) await sleep(1 + 2 * Math.random());
		}
	}
}

for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => { stopping = true; wake(); });
main().then(() => process.exit(0), (error) => {
	log(error.stack);
	process.exit(1);
});
