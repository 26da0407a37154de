// examples/site/space.js: everything that the site asks of the database.
//
// Each request is one transaction, in which app.worker says who asks; the row
// policies of site.sql decide what that worker sees and may answer. Nothing here
// filters by worker, so nothing here can forget to. Must not build SQL from what
// came in: whoever can run SQL of his own as this role can name himself anybody.
"use strict";
const { Pool } = require("pg");

// Repeating is safe: the same answer twice is one answer.
const REPEATABLE = new Set(["40001", "40P01"]);
const BUSY = new Set(["25P03", "53300", "55P03", "57014", ...REPEATABLE]);

// A refusal that the visitor can understand: a key of pages.js, and HTTP's status.
class Refusal extends Error {
	constructor(told, status, cause) {
		super(told, { cause });
		this.told = told;
		this.status = status;
	}
}

// What the error means to the visitor; itself, if it means nothing to him.
function refusal(error) {
	const code = String(error.code ?? "");
	switch (code) {
		case "22P02":	// the worker's ref is no uuid or bigint, so he is nobody
		case "22003":
		case "UG003": return new Refusal("unknown", 404, error);
		case "UG010": return new Refusal("over", 409, error);
		case "UG011": return new Refusal("filled", 409, error);
		case "UG012": return new Refusal("closed", 409, error);
		case "UG013": return new Refusal("elsewhere", 409, error);
		case "P0001":	// a trigger of the Space's owner
		case "UG014": return new Refusal("vetoed", 409, error);
	}
	// A connection that is lost or cannot be had: class 08 or 57P, an error of
	// Node's such as ECONNREFUSED, or one of pg's, which has no code.
	if (BUSY.has(code) || /^(08|57P|E(?!RR_)[A-Z])/.test(code) || (!code && /timeout|terminated/i.test(error.message)))
		return new Refusal("busy", 503, error);
	return error;
}

class Space {
	// schema: the Space. How to connect is said as to psql: PGHOST, PGUSER, ...
	constructor(schema) {
		const name = `"${schema.replace(/"/g, '""')}"`;
		this.select = `
			SELECT i.invitation_id AS id, i.status, i.reason, i.title, i.description, i.url, i.start_at, i.end_at,
				i.phase, i.cancelled_at, i.answer_by, i.can_accept,
				(i.status = 'accepted' AND i.phase IN ('created', 'started')) AS can_leave,
				s.accepted, coalesce(s.capacity, s.target) AS seats, s.capacity IS NOT NULL AS is_limited
			FROM ${name}.worker_invitation i JOIN ${name}.gig_status s ON s.gig_id = i.gig_id`;
		this.calls = {
			accept: `SELECT FROM ${name}.accept($1)`,
			decline: `SELECT FROM ${name}.reject($1, $2)`,
			leave: `SELECT FROM ${name}.leave($1, $2)`,
		};
		// The last of the times is for a server that does not even say no.
		this.pool = new Pool({ max: 10, application_name: "site", keepAlive: true, connectionTimeoutMillis: 5000, query_timeout: 10000 });
		// Without a listener a connection that breaks while idle ends the process.
		this.pool.on("error", (error) => console.error(`a connection was lost: ${error.message}`));
	}

	// What is open to an answer, the soonest gig first.
	invitations(worker) {
		return this.rows(worker, "WHERE i.status = 'pending' ORDER BY i.start_at, i.invitation_id LIMIT 100");
	}

	// What is over without a seat, the latest answer first.
	answered(worker) {
		return this.rows(worker, `WHERE i.status NOT IN ('pending', 'accepted')
			ORDER BY coalesce(i.responded_at, i.invited_at) DESC, i.invitation_id DESC LIMIT 20`);
	}

	gigs(worker) {
		return this.rows(worker, `WHERE i.status = 'accepted' AND i.end_at > cirro.now()
			ORDER BY i.start_at, i.invitation_id LIMIT 100`);
	}

	past(worker) {
		return this.rows(worker, `WHERE i.status = 'accepted' AND i.end_at <= cirro.now()
			ORDER BY i.end_at DESC, i.invitation_id DESC LIMIT 20`);
	}

	// One invitation of this worker's; anybody else's is unknown.
	async invitation(worker, id) {
		const [row] = await this.rows(worker, "WHERE i.invitation_id = $1", [id]);
		if (!row) throw new Refusal("unknown", 404);
		return row;
	}

	// answer: accept, decline or leave
	async answer(worker, id, answer, reason) {
		await this.as(worker, "BEGIN", this.calls[answer], answer === "accept" ? [id] : [id, reason]);
	}

	async rows(worker, rest, values = []) {
		return (await this.as(worker, "BEGIN READ ONLY", `${this.select} ${rest}`, values)).rows;
	}

	async as(worker, begin, statement, values) {
		for (let tries = 1; ; tries++) {
			try {
				return await this.transaction(worker, begin, statement, values);
			} catch (error) {
				if (!REPEATABLE.has(error.code) || tries === 3) throw refusal(error);
			}
		}
	}

	async transaction(worker, begin, statement, values) {
		const client = await this.pool.connect();
		let broken;
		try {
			await client.query(begin);
			// true: until the transaction's end, so that it is nobody else's, also behind PgBouncer.
			await client.query("SELECT set_config('app.worker', $1, true)", [worker]);
			const result = await client.query(statement, values);
			await client.query("COMMIT");
			return result;
		} catch (error) {
			await client.query("ROLLBACK").catch((lost) => { broken = lost; });
			throw error;
		} finally {
			// A connection that cannot even roll back is closed, not used again.
			client.release(broken);
		}
	}

	end() {
		return this.pool.end();
	}
}

module.exports = { Space, Refusal };
